"""The interquartile mean and its bootstrap interval, against simple references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core.agents.statistics import bootstrap_interval, interquartile_mean

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@given(numbers)
def test_interquartile_mean_is_the_mean_of_the_middle_half(values):
    repeated = sorted(np.repeat(values, 4))  # so that the quarters fall between two values
    middle = repeated[len(values) : 3 * len(values)]
    assert interquartile_mean(values) == pytest.approx(np.mean(middle), abs=1e-6)


def test_interquartile_mean_ignores_extremes():
    assert interquartile_mean([1e9, 2, 3, -1e9]) == 2.5
    assert interquartile_mean([7.0]) == 7
    assert np.isnan(interquartile_mean([]))


@given(numbers, st.integers(0, 3))
def test_interval_lies_within_the_values_and_is_that_of_the_seed(values, seed):
    low, high = bootstrap_interval(values, np.random.default_rng(seed), resamples=50)
    assert min(values) - 1e-6 <= low <= high <= max(values) + 1e-6
    assert (low, high) == bootstrap_interval(values, np.random.default_rng(seed), resamples=50)


def test_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(rng.normal(size=60), rng, level=0.8, resamples=300) for _ in range(200)]
    assert 0.7 < np.mean([low <= 0 <= high for low, high in intervals]) < 0.88


def test_interval_of_nothing():
    assert np.isnan(bootstrap_interval([], np.random.default_rng(0))).all()
