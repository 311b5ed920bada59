"""The bounded history: exact while it is small; with means, bounds and averages kept when buckets merge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from together import run_together

from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import EpisodeRecord


def fill(history, values, *, steps=10, name="return"):
    for i, value in enumerate(values, start=1):
        known = {} if value is None else {name: value}
        history.add(EpisodeRecord(i, i * steps, 1000.0 + i, 0, "c", True, known, dict(known)))
    return history


VALUES = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=80)
"""Of episodes; None for one that was cut short."""


@settings(max_examples=25)
@given(VALUES)
def test_small_history_is_exact(values):
    curve = fill(History(capacity=80), values).curve("return", points=1000)
    known = [(i, value) for i, value in enumerate(values, start=1) if value is not None]
    assert curve.x.tolist() == [i for i, _ in known]
    for column in (curve.mean, curve.low, curve.high, curve.average):
        assert column.tolist() == [value for _, value in known]


@settings(max_examples=40)
@given(VALUES, st.sampled_from([2, 4, 10, 64]), st.integers(1, 80))
def test_merging_buckets_keeps_bounds_and_last_average(values, capacity, points):
    curve = fill(History(capacity), values).curve("return", points=points)
    known = [value for value in values if value is not None]
    assert len(curve.x) <= min(capacity, points)
    if known:
        assert curve.low.min() == min(known)
        assert curve.high.max() == max(known)
        assert curve.average[-1] == known[-1]
        assert np.all(curve.low <= curve.mean + 1e-6)
        assert np.all(curve.mean <= curve.high + 1e-6)
    assert np.all(np.diff(curve.x) > 0)


@settings(max_examples=25)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_mean_of_one_bucket_is_the_mean_of_all_values(values):
    curve = fill(History(capacity=4), values).curve("return", points=1)
    assert curve.mean[0] == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    ("axis", "positions"), [("episode", [1, 2, 3]), ("step", [10, 20, 30]), ("time", [1001, 1002, 1003])]
)
def test_curve_lies_over_any_axis(axis, positions):
    assert fill(History(), [5.0, 6.0, 7.0]).curve("return", axis).x.tolist() == positions


def test_part_of_an_axis_includes_both_of_its_ends():
    curve = fill(History(), range(10)).curve("return", "step", start=30, end=50)
    assert curve.x.tolist() == [30, 40, 50]


def test_extent_is_that_of_the_whole_run():
    history = fill(History(), range(10))
    assert history.extent("step") == (10, 100)
    assert History().extent("time") == (0, 0)


def test_curve_of_an_unknown_metric_is_empty():
    assert len(fill(History(), [1.0]).curve("loss").x) == 0


def test_metric_reported_late_begins_there():
    history = fill(History(capacity=4), [1.0] * 9)
    history.add(EpisodeRecord(10, 100, 2000.0, 0, "c", True, {"win": 1.0}, {"win": 0.5}))
    curve = history.curve("win")
    assert (curve.mean.tolist(), curve.average.tolist()) == ([1.0], [0.5])


def test_memory_does_not_grow_with_the_run():
    history = fill(History(capacity=64), range(64))
    before = sum(column.nbytes for columns in history._columns.values() for column in columns.values())
    fill(history, range(10_000))
    assert sum(column.nbytes for columns in history._columns.values() for column in columns.values()) == before
    assert history.episodes == 10_000


def test_history_can_be_read_while_it_grows():
    history = History(capacity=64)
    lengths = []

    def read():
        for _ in range(300):
            curve = history.curve("return", points=16)
            columns = (curve.x, curve.mean, curve.low, curve.high, curve.average)
            lengths.append({len(column) for column in columns})

    run_together(read, lambda: fill(history, range(1500)))
    assert all(len(found) == 1 for found in lengths)


# -- smoothing that is chosen later


@settings(max_examples=25)
@given(VALUES, st.integers(1, 90))
def test_moving_average_of_any_window_is_the_mean_of_its_last_values(values, window):
    curve = fill(History(capacity=80), values).curve("return", window=window)
    known = [value for value in values if value is not None]
    expected = [np.mean(known[max(0, end - window) : end]) for end in range(1, len(known) + 1)]
    assert np.allclose(curve.average, expected, atol=1e-6)


def test_moving_average_of_merged_buckets_is_nearly_that_of_their_values():
    values = list(np.linspace(0, 100, 1000))
    history = fill(History(capacity=100), values)
    curve = history.curve("return", window=200)
    assert np.allclose(curve.average[-1], np.mean(values[-200:]), atol=1.0)
    part = history.curve("return", start=900, window=200)
    assert part.average[-1] == curve.average[-1]


def test_values_of_a_metric_are_counted():
    history = fill(History(capacity=4), [1.0, None, 3.0, 4.0, 5.0, None])
    assert (history.values("return"), history.values("unknown")) == (4, 0)
