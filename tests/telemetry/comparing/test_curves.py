"""Curves of several runs on a common axis."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core import interquartile_mean
from soulsai_telemetry.comparing.curves import band, moving_average, with_gaps

NUMBERS = st.floats(-1e6, 1e6)


@settings(max_examples=30)
@given(st.lists(NUMBERS, max_size=60), st.integers(1, 70))
def test_moving_average_is_the_mean_of_the_last_values(values, window):
    expected = [np.mean(values[max(0, i + 1 - window) : i + 1]) for i in range(len(values))]
    assert moving_average(np.array(values), window) == pytest.approx(expected, rel=1e-6, abs=1e-4)


def curve(*points):
    x, y = zip(*points, strict=True)
    return np.array(x, float), np.array(y, float)


def test_middle_of_one_run_is_the_run():
    found = band([curve((0, 1), (10, 2))], points=3)
    assert (found.x.tolist(), found.middle.tolist(), found.low.tolist()) == ([0, 5, 10], [1, 1, 2], [1, 1, 2])
    assert found.meaning == "1 seed"


def test_two_runs_have_a_mean_and_a_range():
    found = band([curve((0, 1), (10, 1)), curve((0, 4), (10, 4))])
    assert (found.low[0], found.middle[0], found.high[0]) == (1, 2.5, 4)
    assert found.meaning == "mean and range of 2 seeds"


def test_from_three_runs_on_the_interquartile_mean_and_its_interval_are_taken():
    values = (1, 2, 3, 4, 100)
    found = band([curve((0, value), (10, value)) for value in values], points=2)
    assert found.middle[0] == interquartile_mean(values)
    assert 1 <= found.low[0] < found.middle[0] < found.high[0] <= 100
    assert found.meaning == "IQM of 5 seeds, 95% interval"
    again = band([curve((0, value), (10, value)) for value in values], points=2)
    assert again.low.tolist() == found.low.tolist(), "the same runs give the same figure"


def test_band_covers_the_part_that_all_runs_have():
    found = band([curve((0, 1), (10, 1)), curve((4, 1), (30, 1))])
    assert (found.x[0], found.x[-1]) == (4, 10)


def test_band_of_runs_without_a_common_part_is_one_point():
    found = band([curve((0, 1), (1, 1)), curve((5, 3), (6, 3))])
    assert set(found.x) == {5.0}


@settings(max_examples=30)
@given(st.lists(st.lists(NUMBERS, min_size=2, max_size=20), min_size=1, max_size=6))
def test_middle_lies_within_the_band(runs):
    found = band([(np.arange(len(run), dtype=float), np.array(run)) for run in runs], points=20)
    tolerance = 1e-9 * np.abs(found.middle) + 1e-9
    assert np.all(found.low <= found.middle + tolerance)
    assert np.all(found.middle <= found.high + tolerance)


def test_curve_is_broken_in_an_outage():
    x = np.array([0.0, 1.0, 2.0, 90.0, 91.0])
    broken, y = with_gaps(x, np.arange(5.0), shortest=5.0)
    assert broken.tolist() == [0, 1, 2, 46, 90, 91]
    assert np.isnan(y[3]) and y[[0, 1, 2, 4, 5]].tolist() == [0, 1, 2, 3, 4]
    assert with_gaps(x, x, shortest=100.0)[0].tolist() == x.tolist()
