"""Signals ask a process to finish: a closed terminal once, an impatient user twice."""

import os
import signal
import subprocess
import sys

import pytest
from waiting import DEADLINE_S

from soulsai_core.cli.interrupts import on_interrupt

hangup = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")


@pytest.fixture(autouse=True)
def default_hangup():
    """SIGHUP as in a terminal, also where the tests themselves run under nohup."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SIGINT", "interrupted"),
        ("SIGTERM", "asked to terminate"),
        pytest.param("SIGHUP", "the terminal was closed", marks=hangup),
    ],
)
def test_first_signal_asks_to_leave_and_the_handlers_of_before_come_back(name, reason):
    number = getattr(signal, name)
    before = signal.getsignal(number)
    reasons = []
    with on_interrupt(reasons.append):
        signal.raise_signal(number)
    assert reasons == [reason]
    assert signal.getsignal(number) == before


@hangup
def test_closed_terminal_asks_once_however_often_it_is_reported():
    reasons = []
    with on_interrupt(reasons.append, at_once=lambda: reasons.append("at once")):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
    assert reasons == ["interrupted"]


@hangup
def test_process_that_ignores_the_end_of_its_terminal_goes_on(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        reasons = []
        with on_interrupt(reasons.append):
            signal.raise_signal(signal.SIGHUP)
        assert reasons == []
    finally:
        signal.signal(signal.SIGHUP, before)


@hangup
def test_process_whose_terminal_is_gone_still_finishes_and_prints():
    """A real terminal that is closed: every later write to it fails with EIO."""
    code = """
import pathlib, signal, sys, time
from soulsai_core.cli.interrupts import on_interrupt
asked = []
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
with on_interrupt(asked.append):
    print("ready", flush=True)
    while not asked:
        time.sleep(0.05)  # not signal.pause, which would miss a signal that has just arrived
    print("saving", flush=True)
    print("an error", file=sys.stderr, flush=True)
    pathlib.Path(sys.argv[1]).write_text(asked[0])
"""
    leader, follower = os.openpty()
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", code, f"/dev/fd/{writing}"],
        stdin=follower, stdout=follower, stderr=follower, pass_fds=(writing,), start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    os.close(writing)
    assert b"ready" in os.read(leader, 100)
    os.close(leader)
    process.send_signal(signal.SIGHUP)
    with os.fdopen(reading) as report:
        assert report.read() == "the terminal was closed"
    assert process.wait(DEADLINE_S) == 0
