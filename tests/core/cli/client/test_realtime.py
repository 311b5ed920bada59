"""Settings of the interpreter for games in real time."""

import gc
import sys

import pytest

from soulsai_core.cli.client.realtime import prepare_for_realtime


@pytest.fixture(autouse=True)
def _as_before():
    interval = sys.getswitchinterval()
    gc.unfreeze()  # the tests' own start has frozen what was imported
    yield
    sys.setswitchinterval(interval)
    gc.freeze()


def test_a_thread_waits_less_than_a_millisecond_for_another_one():
    prepare_for_realtime()
    assert sys.getswitchinterval() < 0.001


def test_garbage_collections_leave_out_what_existed_before():
    prepare_for_realtime()
    assert gc.get_freeze_count() > 1000 and gc.isenabled()
