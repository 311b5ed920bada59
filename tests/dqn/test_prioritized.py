"""Prioritized replay: probabilities, weights, and priorities that come too late."""

import numpy as np
import pytest

from soulsai_core import ArraySpec
from soulsai_dqn.config import PriorityConfig
from soulsai_dqn.priorities import beta_at, importance, priority, td_errors
from soulsai_dqn.prioritized import PrioritizedReplay
from soulsai_dqn.replay import ReplayBuffer

COLUMNS = {"number": ArraySpec((), "int32")}
CONFIG = PriorityConfig(alpha=0.7, epsilon=0.01)


def rows(numbers, errors):
    return {"number": np.array(numbers, np.int32), "error": np.array(errors, np.float32)}


def filled(errors, capacity=8):
    replay = PrioritizedReplay(capacity, COLUMNS, CONFIG)
    for number, error in enumerate(errors):
        replay.append(rows([number], [error]))
    return replay


def shares(replay, draws=400):
    drawn = replay.draw(np.random.default_rng(0), draws, 50).columns["number"]
    return np.bincount(drawn.ravel(), minlength=20) / drawn.size


def expected_shares(errors):
    p = (np.array(errors) + 0.01) ** 0.7
    return p / p.sum()


def test_rows_are_drawn_in_proportion_to_their_priorities():
    errors = [0.0, 1.0, 2.0, 5.0]
    np.testing.assert_allclose(shares(filled(errors))[:4], expected_shares(errors), atol=0.01)


def test_overwritten_rows_are_not_drawn_and_lost_their_priority():
    errors = [50.0, 40.0, 1.0, 2.0, 3.0]
    replay = filled(errors, capacity=3)
    np.testing.assert_allclose(shares(replay)[:5], [0, 0, *expected_shares(errors[2:])], atol=0.01)


def test_weights_are_those_of_the_paper_over_their_largest():
    errors = [0.5, 1.0, 2.0, 5.0, 0.0]
    draw = filled(errors).draw(np.random.default_rng(1), 3, 40, beta=0.6)
    p = expected_shares(errors)
    for numbers, weights in zip(draw.columns["number"], draw.columns["weight"], strict=True):
        expected = (5 * p[numbers]) ** -0.6
        np.testing.assert_allclose(weights, expected / expected.max(), rtol=1e-5)
        assert weights.dtype == np.float32


def test_new_errors_become_priorities():
    replay = filled([1.0, 1.0, 1.0])
    draw = replay.draw(np.random.default_rng(0), 4, 8)
    replay.update(draw, np.where(draw.columns["number"] == 2, 0.0, 3.0))
    np.testing.assert_allclose(shares(replay)[:3], expected_shares([3.0, 3.0, 0.0]), atol=0.01)


def test_priority_for_a_slot_overwritten_since_is_dropped():
    replay = filled([1.0, 1.0, 1.0], capacity=3)
    draw = replay.draw(np.random.default_rng(0), 4, 8)
    replay.append(rows([3], [2.0]))
    replay.update(draw, np.full(draw.slots.shape, 9.0))
    np.testing.assert_allclose(shares(replay)[:4], [0, *expected_shares([9.0, 9.0, 2.0])], atol=0.01)


def test_many_batches_drawn_at_once_are_drawn_with_replacement():
    """Each has the row that towers above the others."""
    drawn = filled([100.0, 0.0, 0.0]).draw(np.random.default_rng(0), 25, 4).columns["number"]
    assert (drawn == 0).sum(1).min() >= 3


def test_loaded_replay_has_the_same_priorities_and_draws_the_same():
    replay = filled([5.0, 1.0, 2.0, 3.0, 0.5], capacity=4)
    replay.update(replay.draw(np.random.default_rng(2), 1, 2), np.array([[7.0, 8.0]]))
    loaded = PrioritizedReplay(4, COLUMNS, CONFIG)
    loaded.append(rows([9], [99.0]))
    loaded.load(replay.save())
    one, other = (r.draw(np.random.default_rng(3), 5, 20, 0.5).columns for r in (replay, loaded))
    np.testing.assert_array_equal(one["number"], other["number"])
    np.testing.assert_allclose(one["weight"], other["weight"], rtol=1e-5)


def test_uniform_and_prioritized_replay_load_each_others_rows():
    uniform = ReplayBuffer(4, COLUMNS)
    uniform.load(filled([1.0, 2.0]).save())
    assert uniform.save()["number"].tolist() == [0, 1]
    replay = filled([99.0] * 4)
    replay.load(uniform.save())
    np.testing.assert_allclose(shares(replay)[:2], [0.5, 0.5], atol=0.01)


def test_smaller_replay_keeps_the_newest_with_their_priorities():
    loaded = PrioritizedReplay(2, COLUMNS, CONFIG)
    loaded.load(filled([5.0, 1.0, 2.0]).save())
    np.testing.assert_allclose(shares(loaded)[:3], [0, *expected_shares([1.0, 2.0])], atol=0.01)


def test_nothing_is_never_drawn_again():
    assert (priority(np.zeros(3), CONFIG) > 0).all()


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_equal_priorities_weigh_the_same(beta):
    np.testing.assert_allclose(importance(np.full((2, 3), 0.2), 2.0, 10, beta), np.ones((2, 3)))


def test_beta_rises_linearly_and_stays():
    config = PriorityConfig(beta_start=0.4, beta_end=1.0, beta_steps=100)
    assert [beta_at(config, rows) for rows in (0, 50, 100, 10**9)] == pytest.approx([0.4, 0.7, 1.0, 1.0])


class _Policy:
    """Q-values of action a are a times the first feature."""

    def many(self, observations):
        return observations["observation"][:, :1] * np.arange(3, dtype=np.float32)


def test_clients_errors_are_by_their_own_values_and_masks():
    columns = {
        "observation": np.array([[1.0], [2.0]], np.float32),
        "next_observation": np.array([[3.0], [4.0]], np.float32),
        "action": np.array([1, 2], np.int32),
        "reward": np.array([0.5, -1.0], np.float32),
        "discount": np.array([0.5, 0.0], np.float32),
    }
    assert td_errors(_Policy(), columns).tolist() == pytest.approx([abs(0.5 + 0.5 * 6 - 1), abs(-1 - 4)])
    masked = {**columns, "next_mask": np.array([[True, True, False], [False, False, False]])}
    assert td_errors(_Policy(), masked).tolist() == pytest.approx([abs(0.5 + 0.5 * 3 - 1), 5])
