"""Which rows are admitted: exactly the newest iterations; and how old they were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.node.freshness import Freshness, Staleness
from soulsai_core.steps import Source


def table(iterations, rows=1, source=Source.AGENT):
    """A segment of `rows` rows for each iteration."""
    return np.array([[0, n * rows, rows, i, source, 0, 0] for n, i in enumerate(iterations)], np.int64).reshape(-1, 7)


def judge(staleness, iterations, current, **options):
    mask, rejected = Freshness(staleness).judge(table(iterations, **options), current)
    return (np.ones(len(iterations), np.bool_) if mask is None else mask).tolist(), rejected


def test_three_newest_iterations_are_v_and_the_two_before_it():
    assert judge(3, [7, 8, 9, 10, 11], current=10) == ([False, True, True, True, False], {"stale": 1, "future": 1})


def test_one_newest_iteration_is_v_alone():
    assert judge(1, [9, 10, 11], current=10) == ([False, True, False], {"stale": 1, "future": 1})


def test_segments_that_are_all_fresh_are_admitted_without_a_mask():
    assert Freshness(3).judge(table([8, 9, 10]), 10) == (None, {})
    assert Freshness(3).judge(table([]), 10) == (None, {})


def test_rejected_are_counted_in_rows():
    assert judge(3, [7, 10, 11, 12], 10, rows=5) == ([False, True, False, False], {"stale": 5, "future": 10})


@pytest.mark.parametrize("source", Source)
def test_only_what_a_model_chose_can_be_too_old(source):
    rejected = judge(1, [3], 10, source=source)[1]
    assert rejected == ({"stale": 1} if source in (Source.AGENT, Source.EVALUATION) else {})


def test_iteration_zero_is_admitted_by_a_node_that_has_just_begun():
    assert judge(3, [0, 0], current=0) == ([True, True], {})


@pytest.mark.parametrize(("iteration", "reason"), [(7, "stale"), (11, "future")])
def test_rows_rejected_for_one_reason_are_counted_under_no_other(iteration, reason):
    assert judge(3, [iteration] * 4, current=10) == ([False] * 4, {reason: 4})


def test_staleness_below_one_would_admit_nothing_and_is_refused():
    with pytest.raises(ValueError, match="max_staleness is 0"):
        Freshness(0)


@settings(max_examples=40)
@given(st.integers(1, 5), st.lists(st.integers(0, 12), min_size=1, max_size=10), st.integers(0, 12))
def test_each_row_is_admitted_or_counted(staleness, iterations, current):
    mask, rejected = judge(staleness, iterations, current)
    assert mask == [current - staleness < i <= current for i in iterations]
    assert sum(mask) + sum(rejected.values()) == len(iterations)
    assert all(rejected.values()), "no reason is listed with 0"


def test_staleness_is_that_of_the_model_which_chose_the_actions():
    staleness = Staleness(memory=5)
    staleness.made(4, env_steps=400, now=40.0)
    staleness.made(5, env_steps=500, now=50.0)
    staleness.made(6, env_steps=600, now=60.0)
    staleness.admitted(table([4, 4]), env_steps=650, now=63.0)
    assert (staleness.iterations, staleness.env_steps, staleness.seconds) == (2.0, 250.0, 23.0)


def test_staleness_is_a_running_mean_that_begins_with_the_first_message():
    staleness = Staleness(memory=5)
    staleness.made(1, env_steps=0, now=0.0)
    staleness.admitted(table([1]), env_steps=0, now=10.0)
    staleness.admitted(table([1]), env_steps=0, now=30.0)
    assert staleness.seconds == pytest.approx(10 + 0.05 * 20)


def test_staleness_of_an_iteration_that_is_no_longer_known_is_that_of_the_oldest_known():
    staleness = Staleness(memory=2)
    for iteration in range(5):
        staleness.made(iteration, env_steps=10 * iteration, now=float(iteration))
    staleness.admitted(table([0]), env_steps=50, now=5.0)
    assert (staleness.env_steps, staleness.seconds) == (20.0, 2.0)


def test_staleness_stays_zero_before_any_model_was_made():
    staleness = Staleness(memory=3)
    staleness.admitted(table([0]), env_steps=5, now=5.0)
    assert (staleness.iterations, staleness.env_steps, staleness.seconds) == (0.0, 0.0, 0.0)


def test_staleness_is_that_of_rows_and_what_no_model_chose_has_none():
    staleness = Staleness(memory=5)
    staleness.made(3, env_steps=0, now=0.0)
    staleness.admitted(
        np.concatenate([table([3], 3), table([1], 1), table([0], 50, Source.PERSON)]), env_steps=0, now=1.0
    )
    assert staleness.iterations == 0.5
