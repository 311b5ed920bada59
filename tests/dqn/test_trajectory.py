"""A trajectory keeps what is not yet known, and nothing else."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_dqn.features import Features
from soulsai_dqn.trajectory import Trajectory, sample_columns

OBSERVED = {"observation": ArraySpec((2,), "float32")}


@pytest.fixture
def trajectory():
    return Trajectory(OBSERVED, 3, masked=False)


def append(trajectory, iteration, *, reward=1.0, terminated=False, truncated=False, mask=None):
    here, there = np.full(2, iteration, np.float32), np.full(2, iteration + 1, np.float32)
    before, after = {"observation": here[None]}, {"observation": there[None]}
    trajectory.append(iteration, before, 1, reward, terminated, truncated, after, mask)


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


def test_long_episode_grows_the_columns(trajectory):
    for iteration in range(1000):
        append(trajectory, iteration)
    batch = trajectory.take(1, 0.9)
    assert batch.iteration.tolist() == list(range(1000))
    assert batch.columns["observation"][:, 1].tolist() == list(range(1000))


def test_rows_given_out_do_not_change_afterwards(trajectory):
    append(trajectory, 0)
    batch = trajectory.take(1, 0.9)
    for iteration in range(1, 4):
        append(trajectory, iteration, reward=9.0)
        trajectory.take(1, 0.9)
    assert batch.iteration.tolist() == [0]
    assert batch.columns["observation"].tolist() == [[0, 0]]
    assert batch.columns["reward"].tolist() == [1]


def test_missing_mask_allows_all_actions():
    trajectory = Trajectory(OBSERVED, 3, masked=True)
    append(trajectory, 0, mask=np.array([True, False, True]))
    append(trajectory, 1, mask=None)
    assert trajectory.take(1, 0.9).columns["next_mask"].tolist() == [[True, False, True], [True, True, True]]
