"""One environment alone and the same in a vector, in every autoreset mode, give exactly the same transitions."""

import itertools

import numpy as np
import pytest

from soulsai_core.environments.gym.single import SingleEnvironment

ROWS, STEPS, SEED = 3, 80, 40


def choose(observations, masks):
    """An action that depends on nothing but what is seen."""
    preference = (observations["observation"].sum(axis=1).astype(int)[:, None] + np.arange(3)) % 3
    return np.where(masks, preference, -1).argmax(axis=1) if masks is not None else preference.argmax(axis=1)


def histories(environment, steps):
    """For each row, its transitions as plain values, with the metrics that came with them."""
    found = [[] for _ in range(environment.num_envs)]
    before = environment.reset()
    for _ in range(steps):
        actions = choose(before.observations, before.masks)
        after = environment.step(actions)
        for row in range(environment.num_envs) if after.valid is None else np.flatnonzero(after.valid).tolist():
            found[row].append((*plain(before, actions, after, row), after.metrics.get(row)))
        before = after
    return found


def plain(before, actions, after, row):
    """What an action was chosen at, and what it led to: the final observation where the row was reset at once."""
    reached = after.final[row]["observation"] if row in after.final else after.observations["observation"][row]
    masks = None, None
    if before.masks is not None:
        mask = after.final_masks[row] if row in after.final else after.masks[row]
        masks = before.masks[row].tolist(), mask.tolist()
    return (
        before.observations["observation"][row].tolist(),
        int(actions[row]),
        float(after.rewards[row]),
        reached.tolist(),
        bool(after.terminated[row]),
        bool(after.truncated[row]),
        *masks,
    )


@pytest.fixture(params=[True, False], ids=["masked", "unmasked"])
def kwargs(request):
    return {"masked": request.param, "array_rewards": True}


@pytest.mark.parametrize("vectorization", ["sync", "async"])
@pytest.mark.parametrize("mode", ["next_step", "same_step", "disabled"])
def test_vector_gives_the_transitions_of_single_environments(make, kwargs, mode, vectorization):
    settings = {"autoreset_mode": mode, "vectorization": vectorization, "kwargs": kwargs}
    vector = histories(make("Counter-v0", SEED, num_envs=ROWS, **settings), STEPS)
    for row, history in enumerate(vector):
        (alone,) = histories(make("Counter-v0", SEED + row, kwargs=kwargs), STEPS)
        assert len(history) > STEPS / 2
        assert history == alone[: len(history)]


def test_history_of_a_single_environment_is_what_it_did(make):
    (history,) = histories(make("Counter-v0", SEED), STEPS)
    assert len(history) == STEPS
    for (_, _, _, reached, *_), (seen, *_) in itertools.pairwise(history):
        new_episode = seen[1] == reached[1] + 1 and seen[2:] == [0, 0]
        assert seen == reached or new_episode
    assert all(observation[2] + 1 == reached[2] for observation, _, _, reached, *_ in history)
    assert all(reward == reached[2] + 0.25 * reached[3] for _, _, reward, reached, *_ in history)
    assert {flags for _, _, _, _, *flags_ in history for flags in [tuple(flags_[:2])]} == {
        (False, False),
        (True, False),
        (False, True),
    }


def test_metrics_are_the_plain_numbers_of_the_step_that_was_taken(make):
    (history,) = histories(make("Counter-v0", SEED), STEPS)
    for _, _, _, reached, *_, metrics in history:
        assert metrics == {"half": 7.0 if reached[2] == 1 else reached[2] / 2, "late": reached[1]}


def test_next_step_mode_hands_out_the_final_observation_and_then_an_invalid_row(make):
    environment = make("Counter-v0", SEED, num_envs=1 + 1, autoreset_mode="next_step")
    before = environment.reset()
    while not (before.terminated | before.truncated)[0]:
        before = environment.step(choose(before.observations, before.masks))
    assert before.final == {}
    assert before.observations["observation"][0, 2] > 0
    after = environment.step(choose(before.observations, before.masks))
    assert not after.valid[0]
    assert after.rewards[0] == 0 and 0 not in after.metrics
    assert after.observations["observation"][0, 2] == 0


def test_first_reset_is_seeded_and_later_ones_are_not(make):
    environment = make("Counter-v0", SEED, num_envs=2)
    firsts = [environment.reset().observations["observation"][:, :2].tolist() for _ in range(3)]
    assert firsts == [[[40.0, episode], [41.0, episode]] for episode in (1.0, 2.0, 3.0)]


def test_single_environment_that_resets_later_gives_the_same_transitions(make, kwargs):
    """The reset is a step of its own, which is no transition."""
    (at_once,) = histories(make("Counter-v0", SEED, kwargs=kwargs), STEPS)
    inner = make("Counter-v0", SEED, kwargs=kwargs)
    later = SingleEnvironment(inner._env, "Counter-v0", SEED, reset_at_once=False)
    (waiting,) = histories(later, STEPS)
    assert len(waiting) < STEPS
    assert waiting == at_once[: len(waiting)]


def test_seeded_episodes_take_one_reset_each(make):
    """The reset with which an environment goes on by itself would be in vain."""
    environment = make("Counter-v0", SEED)
    resets = []
    for seed in (3, 4, 5):
        assert environment.reseed(seed)
        step = environment.reset()
        resets.append(step.observations["observation"][0, 1])
        while not (step.terminated | step.truncated)[0]:
            step = environment.step(choose(step.observations, step.masks))
    assert resets == [1, 2, 3]
