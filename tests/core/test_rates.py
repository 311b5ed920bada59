"""Counts per second."""

import pytest

from soulsai_core.rates import Rate


def test_rate_is_zero_before_there_are_two_points():
    assert Rate().note(10.0, 500) == 0.0


def test_rate_is_the_growth_per_second_and_not_the_count():
    rate = Rate(window=5.0)
    rate.note(10.0, 1_000_000)
    assert rate.note(12.0, 1_000_300) == 150.0


def test_rate_forgets_what_is_older_than_the_window():
    rate = Rate(window=5.0)
    for now, count in ((0.0, 0), (1.0, 1000), (2.0, 1000), (7.0, 1050)):
        last = rate.note(now, count)
    assert last == pytest.approx(10.0)


def test_rate_falls_to_zero_when_the_count_stands_still():
    rate = Rate(window=5.0)
    rate.note(0.0, 0)
    rate.note(1.0, 100)
    assert [rate.note(float(now), 100) for now in range(2, 12)][-1] == 0.0


def test_two_points_at_the_same_time_give_no_rate():
    rate = Rate()
    rate.note(1.0, 0)
    assert rate.note(1.0, 5) == 0.0
