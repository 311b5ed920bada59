"""Output of a training whose reader has gone."""

import io
import logging
import os

import pytest
from rich.console import Console

from soulsai_core.cli import display
from soulsai_core.cli.display import QuietConsole, start_logging


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
    handler = display._Lines(console)
    for _ in range(3):
        handler.handle(logging.makeLogRecord({"msg": "a warning"}))
        display._print_plain(console, "0 min")
    assert capsys.readouterr().err == ""


def test_log_line_on_a_terminal_has_its_level_once():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, no_color=True)
    start_logging(console)
    logging.getLogger("soulsai_core.client").info("Joined the run.")
    logging.getLogger("soulsai_core.events").info("For the file alone.")
    shown = console.file.getvalue()
    assert shown.count("INFO") == 1 and "Joined the run." in shown and "soulsai_core" not in shown
    assert "For the file alone." not in shown
