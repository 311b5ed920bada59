"""A trajectory keeps what is not yet known, and nothing else."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_dqn.features import Features
from soulsai_dqn.trajectory import Trajectory, sample_columns

OBSERVED = {"observation": ArraySpec((2,), "float32")}


@pytest.fixture
def trajectory():
    return Trajectory(OBSERVED)


def append(trajectory, *iterations, reward=1.0, terminated=False, truncated=False):
    """Steps of these iterations, each of which observes its iteration; the flags are the last one's."""
    here = np.repeat(np.array(iterations, np.float32)[:, None], 2, axis=1)
    last = np.arange(len(iterations)) == len(iterations) - 1
    trajectory.extend(
        {
            "observation": here,
            "next_observation": here + 1,
            "action": np.ones(len(iterations), np.int32),
            "reward": np.full(len(iterations), reward, np.float32),
            "terminated": last & terminated,
            "ended": last & (terminated or truncated),
            "iteration": np.array(iterations),
        }
    )


def test_rows_fit_the_declared_columns(trajectory):
    append(trajectory, 0, terminated=True)
    batch = trajectory.take(3, 0.9)
    for name, spec in sample_columns(Features(EnvSpec("two", OBSERVED, Discrete(3))), 3, masked=False).items():
        assert batch.columns[name].dtype == spec.dtype
        assert batch.columns[name].shape == (1, *spec.shape)
    assert batch.iteration.dtype == np.int64


def test_rows_carry_the_iteration_of_their_own_action(trajectory):
    for iteration in (4, 5, 6):
        append(trajectory, iteration, terminated=iteration == 6)
    assert trajectory.take(3, 0.9).iteration.tolist() == [4, 5, 6]


def test_cut_ends_the_episode_as_if_truncated(trajectory):
    append(trajectory, 0)
    append(trajectory, 1)
    trajectory.cut()
    batch = trajectory.take(3, 0.5)
    assert batch.columns["reward"].tolist() == [1.5, 1.0]
    assert batch.columns["discount"].tolist() == [0.25, 0.5]
    assert batch.columns["next_observation"][:, 0].tolist() == [2, 2]


def test_cut_after_a_termination_does_not_revive_the_episode(trajectory):
    append(trajectory, 0, terminated=True)
    trajectory.cut()
    assert trajectory.take(3, 0.5).columns["discount"].tolist() == [0]


def test_cut_of_nothing_is_nothing(trajectory):
    trajectory.cut()
    assert trajectory.take(3, 0.5) is None


def test_pieces_of_any_length_give_the_same_rows_as_one(trajectory):
    whole = Trajectory(OBSERVED)
    append(whole, *range(20), terminated=True)
    for piece in ([0], [1, 2], list(range(3, 17)), [17, 18]):
        append(trajectory, *piece)
    append(trajectory, 19, terminated=True)
    ours, expected = trajectory.take(3, 0.9), whole.take(3, 0.9)
    assert ours.iteration.tolist() == expected.iteration.tolist() == list(range(20))
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(ours.columns[name], column)


def test_rows_given_out_do_not_change_afterwards(trajectory):
    append(trajectory, 0)
    batch = trajectory.take(1, 0.9)
    for iteration in range(1, 4):
        append(trajectory, iteration, reward=9.0)
        trajectory.take(1, 0.9)
    assert batch.iteration.tolist() == [0]
    assert batch.columns["observation"].tolist() == [[0, 0]]
    assert batch.columns["reward"].tolist() == [1]
