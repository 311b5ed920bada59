"""How long an environment's steps take, and whether it still gives enough of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.client.watchdog import Watchdog
from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import Step

NO = np.array([False])
PLAIN = Step({}, np.zeros(1, np.float32), NO, NO)
RESET = Step({}, np.zeros(1, np.float32), NO, NO, valid=NO)
END = Step({}, np.zeros(1, np.float32), ~NO, NO, final={0: {}})


def make(late_after=None, min_per_minute=0.0):
    return Watchdog(late_after=late_after, min_per_minute=min_per_minute)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 3), max_size=30))
def test_steps_that_take_longer_than_the_setting_are_late(times):
    watchdog = make(late_after=1.0)
    assert [watchdog.check_step(seconds, PLAIN) for seconds in times] == [seconds > 1.0 for seconds in times]
    assert watchdog.late_steps == sum(seconds > 1.0 for seconds in times)


def test_no_step_is_late_without_the_setting():
    assert not make().check_step(1000.0, PLAIN)


@pytest.mark.parametrize("step", [RESET, END])
def test_resets_are_never_late_and_no_part_of_the_steps_times(step):
    watchdog = make(late_after=0.1)
    assert not watchdog.check_step(20.0, step)
    assert watchdog.late_steps == 0 and watchdog.take_times() == (0.0, 0.0)


def test_times_are_those_since_they_were_last_taken():
    watchdog = make()
    for seconds in (0.1, 0.3):
        watchdog.check_step(seconds, PLAIN)
    assert watchdog.take_times() == (pytest.approx(0.2), 0.3)
    watchdog.check_step(0.2, PLAIN)
    assert watchdog.take_times() == (0.2, 0.2)


def test_environment_that_gives_too_few_steps_in_a_minute_has_failed():
    watchdog = make(min_per_minute=100)
    for _ in range(59):
        watchdog.check_step(1.0, PLAIN)
    with pytest.raises(EnvironmentFailure, match="60 steps in a minute, and 100 are wanted"):
        watchdog.check_step(1.0, PLAIN)


def test_environment_that_gives_enough_goes_on_for_ever():
    watchdog = make(min_per_minute=100)
    for _ in range(10_000):
        watchdog.check_step(0.5, PLAIN)


def test_steps_of_all_environments_count():
    watchdog = make(min_per_minute=100)
    watchdog.begin(2)
    for _ in range(200):
        watchdog.check_step(1.0, PLAIN)


def test_new_environment_gets_a_whole_minute():
    watchdog = make(min_per_minute=100)
    for _ in range(20):
        for _ in range(59):
            watchdog.check_step(1.0, PLAIN)
        watchdog.begin(1)
