"""Moving average and best score, against their definitions."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_telemetry.history.averages import BestTracker, MovingAverage

NUMBERS = st.floats(-1e9, 1e9)


@settings(max_examples=30)
@given(st.lists(NUMBERS, min_size=1), st.integers(1, 20))
def test_average_is_the_mean_of_the_last_values(values, window):
    average = MovingAverage(window)
    for i, value in enumerate(values):
        last = values[max(0, i + 1 - window) : i + 1]
        assert average.add(value) == pytest.approx(math.fsum(last) / len(last), rel=1e-9, abs=1e-6)
        assert average.full == (i + 1 >= window)


def test_huge_value_leaves_no_rounding_error_once_it_has_left_the_window():
    average = MovingAverage(2)
    for value in (1e300, 1.0, 2.0):
        mean = average.add(value)
    assert mean == 1.5


@settings(max_examples=30)
@given(st.lists(NUMBERS, min_size=1), st.sampled_from(["max", "min"]))
def test_best_is_the_highest_or_lowest_and_counts_once(values, mode):
    tracker = BestTracker(mode)
    accepted = [value for value in values if tracker.add(value)]
    assert tracker.score == accepted[-1] == (max if mode == "max" else min)(values)
    assert accepted == sorted(set(accepted), reverse=mode == "min")
