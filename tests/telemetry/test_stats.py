"""Moving average and best, against the plainest definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_telemetry.stats import BestTracker, MovingAverage

NUMBERS = st.floats(-1e9, 1e9)


@given(st.lists(NUMBERS, min_size=1), st.integers(1, 20))
def test_the_average_is_the_mean_of_the_last_values(values, window):
    average = MovingAverage(window)
    for i, value in enumerate(values):
        last = values[max(0, i + 1 - window) : i + 1]
        assert average.add(value) == pytest.approx(math.fsum(last) / len(last), rel=1e-9, abs=1e-6)
        assert average.full == (i + 1 >= window)


def test_a_huge_value_leaves_no_trace_once_it_has_left_the_window():
    average = MovingAverage(2)
    for value in (1e300, 1.0, 2.0):
        mean = average.add(value)
    assert mean == 1.5


@given(st.lists(NUMBERS, min_size=1), st.sampled_from(["max", "min"]))
def test_the_best_is_the_greatest_or_least_and_is_told_once(values, mode):
    tracker = BestTracker(mode)
    told = [value for value in values if tracker.add(value)]
    assert tracker.score == told[-1] == (max if mode == "max" else min)(values)
    assert told == sorted(set(told), reverse=mode == "min")
