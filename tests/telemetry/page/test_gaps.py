"""Gaps in curves over time."""

import numpy as np

from soulsai_telemetry.page.gaps import gap_length, with_gaps


def test_an_outage_is_a_point_without_values():
    times = np.array([0.0, 10.0, 20.0, 500.0, 510.0])
    x, columns = with_gaps(times, {"mean": [1.0, 2.0, 3.0, 4.0, 5.0]}, gap_length(times))
    assert x == [0.0, 10.0, 20.0, 260.0, 500.0, 510.0]
    assert columns["mean"] == [1.0, 2.0, 3.0, None, 4.0, 5.0]


def test_points_at_their_usual_distance_have_no_gap():
    times = np.arange(0.0, 6000.0, 60.0)
    x, columns = with_gaps(times, {"mean": times.tolist()}, gap_length(times))
    assert x == columns["mean"] == times.tolist()


def test_few_points_have_no_gap():
    for times in (np.array([]), np.array([5.0])):
        assert with_gaps(times, {"mean": times.tolist()}, gap_length(times)) == (
            times.tolist(),
            {"mean": times.tolist()},
        )
