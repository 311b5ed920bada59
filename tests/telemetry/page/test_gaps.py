"""Gaps in curves over time."""

import numpy as np

from soulsai_telemetry.page.gaps import gap_length, with_gaps


def test_an_outage_is_a_point_without_values():
    times = np.array([*range(0, 400, 10), *range(1000, 1400, 10)], float)
    x, columns = with_gaps(times, {"mean": times.tolist()}, gap_length(times))
    assert x == [*times[:40], 695.0, *times[40:]]
    assert columns["mean"] == [*times[:40], None, *times[40:]]


def test_environments_that_all_end_at_once_leave_no_gaps():
    times = np.sort(np.concatenate([np.arange(0.0, 3600.0, 60.0) + i / 100 for i in range(64)]))
    x, _ = with_gaps(times, {"mean": times.tolist()}, gap_length(times, longest=60.0))
    assert x == times.tolist()


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
