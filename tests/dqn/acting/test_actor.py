"""The actor: its actions, its memory, and its own columns."""

import numpy as np
import pytest
import torch
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, Weights
from soulsai_dqn.acting.actor import DQNActor
from soulsai_dqn.acting.frames import FrameStacks
from soulsai_dqn.acting.numpy_policy import NoisyQ
from soulsai_dqn.config import EpsilonConfig
from soulsai_dqn.learning.learner import DQNLearner


def config(**changes):
    return plain(**{"hidden": (), **changes})


GREEDY = config(epsilon=EpsilonConfig(start=0.0, end=0.0))
RANDOM = config(epsilon=EpsilonConfig(start=1.0, end=1.0))
PIXELS = EnvSpec("pixels", {"observation": ArraySpec((36, 36), "uint8")}, Discrete(3))
CNN = {"network": {"config": {"channels": [2, 2, 2]}}}
RECURRENT = {"recurrent": {"width": 5, "burn_in": 2, "length": 4, "stride": 3}}


def linear(*, iteration=0, env_steps=0):
    """Weights of a network without hidden layers: action i has the value of feature i."""
    arrays = {"layers.0.weight": np.eye(3, 4, dtype=np.float32), "layers.0.bias": np.zeros(3, np.float32)}
    return Weights(iteration, arrays, env_steps)


def observe(*rows):
    return {"observation": np.array(rows, np.float32)}


def starting(*flags):
    return np.array(flags, np.bool_)


def acting(settings, spec, rng, *, explore=True, weights=None):
    actor = DQNActor(settings, spec, rng, explore)
    actor.load(weights or linear())
    return actor


def chosen(actor, *rows, masks=None):
    """Actions for these observations, one an environment."""
    return actor.act(observe(*rows), masks, np.zeros(len(rows), np.bool_))[0].tolist()


def untrained(settings, spec):
    """Weights for an actor with these settings."""
    return Weights(0, DQNLearner(settings, spec, np.random.default_rng(3)).weights())


def test_greedy_actions_follow_the_weights_for_one_and_for_many(spec, rng):
    actor = acting(GREEDY, spec, rng)
    rows = [[0, 1, 0, 9], [3, 1, 2, 9], [-3, -2, -1, 9]]
    assert chosen(actor, *rows) == [1, 0, 2]
    assert [chosen(actor, row) for row in rows] == [[1], [0], [2]]


def test_newer_weights_act_from_the_next_action_on(spec, rng):
    actor = acting(GREEDY, spec, rng)
    flipped = linear(iteration=1)
    flipped.arrays["layers.0.weight"] = -flipped.arrays["layers.0.weight"]
    actor.load(flipped)
    assert chosen(actor, [3, 1, 2, 0]) == [1]


def test_prepared_weights_act_once_they_are_loaded(spec, rng):
    actor = acting(GREEDY, spec, rng)
    flipped = linear(iteration=1)
    other = linear(iteration=2)
    flipped.arrays["layers.0.weight"] = -flipped.arrays["layers.0.weight"]
    actor.prepare(flipped)
    assert chosen(actor, [3, 1, 2, 0]) == [0]
    actor.load(flipped)
    assert chosen(actor, [3, 1, 2, 0]) == [1]
    actor.prepare(flipped)
    actor.load(other)
    assert chosen(actor, [3, 1, 2, 0]) == [0]


@pytest.mark.parametrize(
    "settings", [GREEDY, RANDOM, config(exploration="boltzmann")], ids=["greedy", "random", "soft"]
)
@pytest.mark.parametrize("count", [1, 3])
def test_each_row_has_its_own_mask(settings, count, masked_spec, rng):
    actor = acting(settings, masked_spec, rng)
    masks = np.array([[False, False, True], [True, False, False], [False, False, False]])[:count]
    for _ in range(50):
        actions, own = actor.act(observe(*[[5, 4, 3, 0]] * count), masks, np.zeros(count, np.bool_))
        assert actions.dtype == np.int64 and actions.shape == (count,) and own == {}
        assert all(mask[action] or not mask.any() for mask, action in zip(masks, actions, strict=True))


@pytest.mark.parametrize("count", [1, 2])
def test_epsilon_follows_the_steps_of_all_clients(count, spec, rng):
    actor = DQNActor(config(epsilon=EpsilonConfig(start=1.0, end=0.0, steps=100)), spec, rng, True)
    assert actor.metrics() == {"epsilon": 1.0}
    shares = []
    for env_steps in (0, 50, 100):
        actor.load(linear(env_steps=env_steps))
        shares.append(np.mean([np.not_equal(chosen(actor, *[[1, 0, 0, 0]] * count), 0) for _ in range(600)]))
        assert actor.metrics() == {"epsilon": pytest.approx(1 - env_steps / 100)}
    np.testing.assert_allclose(shares, [2 / 3, 1 / 3, 0], atol=0.08)


@pytest.mark.parametrize("exploration", ["epsilon", "ladder", "boltzmann", "noisy"])
@pytest.mark.parametrize("count", [1, 3])
def test_actor_that_does_not_explore_takes_the_best_action_whatever_the_settings(exploration, count, spec, rng):
    settings = plain(hidden=(8,), noisy=True, exploration=exploration, epsilon=EpsilonConfig(start=1.0))
    weights = untrained(settings, spec)
    actor = acting(settings, spec, rng, explore=False, weights=weights)
    calm = NoisyQ(weights.arrays, settings, 3, None)
    seen = rng.normal(size=(40, count, 4)).astype(np.float32)
    expected = [calm.many({"observation": rows}).argmax(1).tolist() for rows in seen]
    assert [chosen(actor, *rows) for rows in seen] == expected and len(np.unique(expected)) > 1
    assert actor.metrics() == {"epsilon": 0.0}


def test_act_before_load_is_an_error(spec, rng):
    with pytest.raises(RuntimeError, match="before load"):
        DQNActor(GREEDY, spec, rng, True).act(observe([0, 0, 0, 0]), None, starting(True))


def test_own_columns_have_the_value_of_the_chosen_action_and_of_the_best_valid_one(masked_spec, rng):
    """Also where the action was random."""
    actor = acting(config(prioritized={}, epsilon=EpsilonConfig(start=1.0, end=1.0)), masked_spec, rng)
    rows = np.array([[5.0, 4, 3, 0], [1, 2, 3, 0], [-1, -2, -3, 0]], np.float32)
    masks = np.array([[False, True, True], [True, True, True], [False, False, False]])
    seen = set()
    for _ in range(30):
        actions, own = actor.act(observe(*rows), masks, starting(False, False, False))
        np.testing.assert_array_equal(own["value"], rows[np.arange(3), actions])
        assert own["best"].tolist() == [4, 3, -1]
        assert own["value"].dtype == own["best"].dtype == np.float32
        seen |= set(enumerate(actions.tolist()))
    assert seen == {(0, 1), (0, 2), *((row, action) for row in (1, 2) for action in range(3))}


def test_single_environment_sends_values_too(spec, rng):
    actor = acting(config(prioritized={}, epsilon=EpsilonConfig(start=0.0, end=0.0)), spec, rng)
    _, own = actor.act(observe([5, 7, 3, 0]), None, starting(True))
    assert (own["value"].tolist(), own["best"].tolist()) == ([7], [7])


# -- memory


def recurrent_actor(spec, **changes):
    settings = plain(hidden=(8,), **RECURRENT, prioritized={}, epsilon=EpsilonConfig(start=0.0, end=0.0), **changes)
    return acting(settings, spec, np.random.default_rng(0), weights=untrained(settings, spec))


def values(actor, rows, starts):
    return actor.act({"observation": np.asarray(rows)}, None, np.asarray(starts))[1]["best"]


def test_earlier_observations_change_values_until_an_episode_begins(spec, rng):
    one = recurrent_actor(spec)
    other = recurrent_actor(spec)
    first, second = rng.normal(size=(2, 2, 4)).astype(np.float32)
    values(one, first, [True, True])
    values(other, -first, [True, True])
    then = values(one, second, [False, True])
    differently = values(other, second, [False, True])
    assert then[0] != differently[0] and then[1] == differently[1]


def test_lstm_state_is_kept_when_newer_weights_are_loaded(spec, rng):
    one = recurrent_actor(spec)
    other = recurrent_actor(spec)
    first, second = rng.normal(size=(2, 1, 4)).astype(np.float32)
    for actor in (one, other):
        values(actor, first, [True])
    other.load(untrained(plain(hidden=(8,), **RECURRENT), spec))
    np.testing.assert_array_equal(values(one, second, [False]), values(other, second, [False]))


def test_state_before_each_third_call_is_sent(spec, rng):
    """For all rows; 0 for those whose episode begins."""
    actor = recurrent_actor(spec)
    states = []
    actions = []
    for step in range(7):
        rows = {"observation": rng.normal(size=(2, 4)).astype(np.float32)}
        action, own = actor.act(rows, None, starting(step == 0, step in (0, 6)))
        actions.append(action)
        states.append(own.get("state"))
    assert [step for step, state in enumerate(states) if state is not None] == [0, 3, 6]
    assert all(state.shape == (2, 13) and state.dtype == np.float32 for state in states[::3])
    assert not states[0].any() and states[3][:, :10].all() and states[6][0, :10].all() and not states[6][1].any()
    assert states[3][:, 10:].argmax(1).tolist() == actions[2].tolist() and states[3][:, 10:].sum() == 2


def test_sent_state_is_the_one_that_led_to_the_values(spec, rng):
    """An unrolling that begins with it gives them."""
    from soulsai_core import Features
    from soulsai_dqn.networks.recurrent import make_network

    settings = plain(hidden=(8,), **RECURRENT, prioritized={}, epsilon=EpsilonConfig(start=0.0, end=0.0))
    actor = recurrent_actor(spec)
    rows = rng.normal(size=(6, 1, 4)).astype(np.float32)
    sent = []
    best = []
    actions = []
    for step, row in enumerate(rows):
        action, own = actor.act({"observation": row}, None, starting(step == 0))
        sent.append(own.get("state"))
        best.append(own["best"][0])
        actions.append(action)
    network = make_network(settings, Features(spec), 3, 1, torch.Generator())
    weights = untrained(settings, spec).arrays
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    seen = {"observation": torch.from_numpy(rows[3:, 0]).unsqueeze(0)}
    with torch.no_grad():
        between = torch.from_numpy(np.stack(actions[3:5], 1))
        atoms = network.unroll(seen, between, torch.from_numpy(sent[3]), 0, torch.zeros(1, dtype=torch.bool))
    np.testing.assert_allclose(atoms[0].amax((1, 2)).numpy(), best[3:], rtol=1e-4, atol=1e-5)


# -- stacks


def test_first_frame_of_an_episode_fills_the_stack():
    """And the newest comes last; each environment has a stack of its own."""
    stacks = FrameStacks(3)
    frames = np.arange(1, 11, dtype=np.uint8).reshape(5, 2, 1, 1, 1)  # environment 0 sees 1, 3, 5 ...
    begins = [(True, True), (False, False), (False, True), (False, False), (False, False)]
    seen = [
        stacks.push(frame, starting(*flags))[..., 0, 0].tolist() for frame, flags in zip(frames, begins, strict=True)
    ]
    assert [stack[0] for stack in seen] == [[1, 1, 1], [1, 1, 3], [1, 3, 5], [3, 5, 7], [5, 7, 9]]
    assert [stack[1] for stack in seen] == [[2, 2, 2], [2, 2, 4], [6, 6, 6], [6, 6, 8], [6, 8, 10]]


def test_returned_stack_does_not_change():
    stacks = FrameStacks(2)
    frame = np.ones((1, 1, 1, 1), np.uint8)
    kept = stacks.push(frame, starting(True))
    stacks.push(2 * frame, starting(False))
    stacks.push(3 * frame, starting(True))
    assert kept.ravel().tolist() == [1, 1]


@pytest.mark.parametrize("changes", [{}, RECURRENT], ids=["without memory", "with memory"])
def test_network_sees_the_stack(changes, rng):
    """As if a wrapper had stacked the frames."""
    settings = {"hidden": (8,), "prioritized": {}, **CNN, **changes}
    stacked = EnvSpec("stacked", {"observation": ArraySpec((3, 36, 36), "uint8")}, Discrete(3))
    weights = untrained(plain(**settings), stacked)
    by_itself = acting(plain(**settings, frame_stack=3), PIXELS, rng, explore=False, weights=weights)
    wrapped = acting(plain(**settings), stacked, rng, explore=False, weights=weights)
    frames = rng.integers(0, 256, (6, 1, 36, 36), np.uint8)
    history = [frames[0, 0]] * 3
    for step, frame in enumerate(frames):
        begins = step in (0, 4)
        history = [frame[0]] * 3 if begins else [*history[1:], frame[0]]
        _, own = by_itself.act({"observation": frame}, None, starting(begins))
        _, expected = wrapped.act({"observation": np.stack(history)[None]}, None, starting(begins))
        np.testing.assert_array_equal(own["best"], expected["best"])
