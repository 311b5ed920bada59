"""What a training says about the page of its telemetry node."""

from __future__ import annotations

import logging
from io import StringIO

import pytest
from rich.console import Console
from waiting import wait_for

from soulsai_core.cli.training.child_commands import page_announced
from soulsai_core.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def console():
    return Console(file=StringIO())


def test_address_of_the_page_is_printed_and_its_file_removed(folder, console):
    with page_announced(folder, console):
        folder.page.write_text("http://localhost:8081\n")
        wait_for("the address", lambda: console.file.getvalue())
    assert console.file.getvalue() == "Watch it at http://localhost:8081\n"
    assert not folder.page.exists()


def test_page_that_is_left_out_is_a_warning_with_its_reason(folder, console, caplog):
    with caplog.at_level(logging.WARNING), page_announced(folder, console):
        folder.no_page.write_text("There is no file nix.secret.\n")
        wait_for("the warning", lambda: caplog.messages)
    assert caplog.messages == ["The page is left out: There is no file nix.secret."]
    assert console.file.getvalue() == "" and not folder.no_page.exists()


def test_note_of_the_training_before_is_not_shown(folder, console, caplog):
    folder.no_page.write_text("The port was taken.\n")
    with page_announced(folder, console):
        assert not folder.no_page.exists()
    assert caplog.messages == []
