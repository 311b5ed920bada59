"""The actor: what it picks, what it makes of steps, and which iteration it stamps on them."""

import numpy as np
import pytest

from soulsai_core import Transitions, Weights
from soulsai_dqn.actor import DQNActor
from soulsai_dqn.config import DQNConfig, EpsilonConfig


def config(**changes):
    return DQNConfig(**{"hidden": (), "n_step": 3, "gamma": 0.5, "reward_scale": 1.0, **changes})


GREEDY = config(epsilon=EpsilonConfig(start=0.0, end=0.0))
RANDOM = config(epsilon=EpsilonConfig(start=1.0, end=1.0))


def linear(*, iteration=0, env_steps=0):
    """Weights of a network without hidden layers: action i has the value of feature i."""
    arrays = {"layers.0.weight": np.eye(3, 4, dtype=np.float32), "layers.0.bias": np.zeros(3, np.float32)}
    return Weights(iteration, arrays, env_steps)


def observe(*rows):
    return {"observation": np.array(rows, np.float32)}


def moved(rows, *, reward=1.0, terminated=False, truncated=False, next_masks=None):
    """One step of these environments; each observes its own number."""
    count = len(rows)
    number = np.array(rows, np.float32)[:, None] * np.ones(4, np.float32)
    return Transitions(
        rows=np.array(rows),
        observations={"observation": number},
        actions=np.ones(count, np.int64),
        rewards=np.full(count, reward, np.float32),
        terminated=np.full(count, terminated),
        truncated=np.full(count, truncated),
        next_observations={"observation": number + 0.5},
        next_masks=next_masks,
    )


@pytest.fixture
def actor(spec, rng):
    actor = DQNActor(GREEDY, spec, rng)
    actor.load(linear())
    return actor


def test_greedy_actions_follow_the_weights_for_one_and_for_many(actor):
    rows = [[0, 1, 0, 9], [3, 1, 2, 9], [-3, -2, -1, 9]]
    assert actor.act(observe(*rows), None).tolist() == [1, 0, 2]
    assert [actor.act(observe(row), None).tolist() for row in rows] == [[1], [0], [2]]


def test_newer_weights_count_from_the_next_action_on(actor):
    flipped = linear(iteration=1)
    flipped.arrays["layers.0.weight"] = -flipped.arrays["layers.0.weight"]
    actor.load(flipped)
    assert actor.act(observe([3, 1, 2, 0]), None).tolist() == [1]


@pytest.mark.parametrize("settings", [GREEDY, RANDOM], ids=["greedy", "random"])
@pytest.mark.parametrize("count", [1, 3])
def test_masks_hold_for_each_row(settings, count, masked_spec, rng):
    actor = DQNActor(settings, masked_spec, rng)
    actor.load(linear())
    masks = np.array([[False, False, True], [True, False, False], [False, False, False]])[:count]
    for _ in range(50):
        actions = actor.act(observe(*[[5, 4, 3, 0]] * count), masks)
        assert actions.dtype == np.int64 and actions.shape == (count,)
        assert all(mask[action] or not mask.any() for mask, action in zip(masks, actions, strict=True))


def test_epsilon_follows_the_steps_of_all_clients(spec, rng):
    actor = DQNActor(config(epsilon=EpsilonConfig(start=1.0, end=0.0, steps=100)), spec, rng)
    assert actor.metrics() == {"epsilon": 1.0}
    shares = []
    for env_steps in (0, 50, 100):
        actor.load(linear(env_steps=env_steps))
        actions = [actor.act(observe([1, 0, 0, 0]), None)[0] for _ in range(600)]
        shares.append(np.mean(np.array(actions) != 0))
        assert actor.metrics() == {"epsilon": pytest.approx(1 - env_steps / 100)}
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0], atol=0.08)


def test_acting_before_the_first_weights_is_a_mistake(spec, rng):
    with pytest.raises(RuntimeError, match="before load"):
        DQNActor(GREEDY, spec, rng).act(observe([0, 0, 0, 0]), None)


def test_rows_carry_the_iteration_that_chose_their_action(actor):
    for iteration in (3, 4, 5):
        actor.load(linear(iteration=iteration))
        actor.add(moved([0], terminated=iteration == 5))
    assert actor.take().iteration.tolist() == [3, 4, 5]


def test_rewards_are_scaled(spec, rng):
    actor = DQNActor(config(reward_scale=0.1, n_step=1), spec, rng)
    actor.load(linear())
    actor.add(moved([0], reward=np.float32(5)))
    assert actor.take().columns["reward"].tolist() == pytest.approx([0.5])


def test_environments_are_folded_apart(actor):
    """Environment 1 misses a step, as one does that was only reset; environment 2 ends early."""
    actor.add(moved([0, 1], reward=1))
    actor.add(moved([2], reward=100, terminated=True))
    actor.add(moved([0], reward=2))
    actor.add(moved([0, 1], reward=4))
    batch = actor.take()
    rows = {int(number): i for i, number in enumerate(batch.columns["observation"][:, 0])}
    assert sorted(rows) == [0, 2]
    assert batch.columns["reward"][rows[0]] == 1 + 0.5 * 2 + 0.25 * 4
    assert batch.columns["discount"][rows[0]] == 0.125
    assert batch.columns["reward"][rows[2]] == 100
    assert batch.columns["discount"][rows[2]] == 0
    assert batch.columns["next_observation"][:, 0].tolist() == (batch.columns["observation"][:, 0] + 0.5).tolist()
    assert actor.take() is None


def test_cut_ends_the_episodes_of_all_environments(actor):
    actor.add(moved([0, 1]))
    actor.add(moved([0, 1]))
    assert actor.take() is None
    actor.cut()
    batch = actor.take()
    assert sorted(batch.columns["discount"].tolist()) == [0.25, 0.25, 0.5, 0.5]
    actor.add(moved([0, 1], reward=50))
    assert actor.take() is None


def test_masks_of_the_next_observation_come_along(masked_spec, rng):
    actor = DQNActor(config(n_step=2), masked_spec, rng)
    actor.load(linear())
    for mask in ([True, False, False], [False, True, False], [False, False, True]):
        actor.add(moved([0], truncated=mask[2], next_masks=np.array([mask])))
    assert actor.take().columns["next_mask"].argmax(1).tolist() == [1, 2, 2]


def test_missing_mask_allows_all_actions(masked_spec, rng):
    actor = DQNActor(config(n_step=1), masked_spec, rng)
    actor.load(linear())
    actor.add(moved([0], next_masks=np.array([[True, False, True]])))
    actor.add(moved([0]))
    assert actor.take().columns["next_mask"].tolist() == [[True, False, True], [True, True, True]]
