"""Running normalisation against numpy's own mean and variance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core import Weights
from soulsai_dqn.actor import DQNActor
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learner import DQNLearner
from soulsai_dqn.normalization import MEAN, SCALE, RunningMoments, normalized


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 99), st.floats(0.1, 1e4))
def test_moments_do_not_depend_on_how_the_rows_are_cut(counts, seed, offset):
    rows = np.random.default_rng(seed).normal(offset, 2, (sum(counts), 3)).astype(np.float32)
    moments = RunningMoments(3)
    for part in np.split(rows, np.cumsum(counts)[:-1]):
        moments.update(part)
    if len(rows) < 2:
        return
    arrays = moments.arrays()
    np.testing.assert_allclose(arrays[MEAN], rows.astype(np.float64).mean(0), rtol=1e-5)
    np.testing.assert_allclose(arrays[SCALE], 1 / rows.astype(np.float64).std(0), rtol=1e-3)


def test_before_the_first_row_nothing_changes():
    rows = np.array([[1.0, -2.0]], np.float32)
    np.testing.assert_allclose(normalized(rows, RunningMoments(2).arrays()), rows, rtol=1e-6)


def test_outliers_are_cut_to_ten_deviations():
    arrays = {MEAN: np.zeros(1, np.float32), SCALE: np.ones(1, np.float32)}
    assert normalized(np.array([[1e6], [-1e6]], np.float32), arrays).tolist() == [[10], [-10]]


def test_saved_moments_go_on_the_same(rng):
    one, other, rows = RunningMoments(2), RunningMoments(2), rng.normal(size=(9, 2)).astype(np.float32)
    one.update(rows)
    other.load(one.save())
    one.update(rows * 3)
    other.update(rows * 3)
    np.testing.assert_array_equal(one.arrays()[SCALE], other.arrays()[SCALE])


@pytest.mark.parametrize("changes", [{}, {"noisy": True}], ids=["plain", "noisy"])
def test_normalizer_travels_with_the_weights_and_clients_use_it(changes, spec, rng, random_rows):
    """Shifted and stretched observations give the actions of those as they are to a network without normalizer."""
    config = DQNConfig(hidden=(8,), normalize=True, epsilon={"start": 0, "end": 0}, **changes)
    learner = DQNLearner(config, spec, rng)
    batch = random_rows(learner, 200)
    batch.columns["observation"] *= np.array([1, 10, 100, 0.1], np.float32)
    learner.add(batch, "client")
    arrays = learner.weights()
    plain = {name: a for name, a in arrays.items() if not name.startswith("normalizer.")}
    one, other = DQNActor(config, spec, rng), DQNActor(config, spec, rng)
    one.load(Weights(1, arrays))
    other.load(Weights(1, plain))
    seen = batch.columns["observation"]
    expected = other.act({"observation": normalized(seen, arrays)}, None)
    np.testing.assert_array_equal(one.act({"observation": seen}, None), expected)
