"""What a process does that plays a game in real time."""

import gc
import sys

import pytest

from soulsai_core.cli.realtime import prefer_the_game


@pytest.fixture(autouse=True)
def _as_before():
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()


def test_the_playing_thread_waits_less_than_a_millisecond_for_another_one():
    prefer_the_game()
    assert sys.getswitchinterval() < 0.001


def test_collections_leave_out_what_was_there_before_the_game():
    prefer_the_game()
    assert gc.get_freeze_count() > 1000 and gc.isenabled()
