"""Output of a training whose reader has gone."""

import logging
import os

import pytest

from soulsai_core.cli import display
from soulsai_core.cli.display import QuietConsole


@pytest.fixture
def console():
    """A console whose output goes to a pipe that its reader has closed."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as file:
        yield QuietConsole(file=file)


def test_console_goes_on_when_the_reader_has_closed_the_pipe(console):
    for _ in range(3):
        console.print("Training ended.")


def test_log_and_progress_go_on_when_the_reader_has_closed_the_pipe(console, capsys, monkeypatch):
    monkeypatch.setattr(display, "progress", lambda status, health: "0:01")
    handler = display._Lines(console)
    for _ in range(3):
        handler.handle(logging.makeLogRecord({"msg": "a warning"}))
        display._print_plain(console, (object(), object()))
    assert capsys.readouterr().err == ""
