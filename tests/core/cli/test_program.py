"""Commands are shown as they can be copied."""

import os
import sys
from pathlib import Path

import pytest

from soulsai_core.cli import program as program_module
from soulsai_core.cli.program import program, shown_run
from soulsai_core.node.formatting import word


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(here, monkeypatch):
    """A virtual environment in the working folder, with this program; returns its script."""
    script = here / ".venv" / "bin" / ("soulsai.exe" if os.name == "nt" else "soulsai")
    script.parent.mkdir(parents=True)
    script.touch()
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    return script


@pytest.mark.parametrize("found", [None, "other"])
def test_path_is_shown_where_the_name_leads_nowhere_or_elsewhere(here, installed, monkeypatch, found):
    (here / "other").touch()
    monkeypatch.setattr(program_module.shutil, "which", lambda name: found)
    assert program() == str(Path(".venv", "bin", installed.name))


def test_path_and_run_with_blanks_are_single_words_of_a_command(here, monkeypatch):
    script = here / "my tools" / ("soulsai.exe" if os.name == "nt" else "soulsai")
    script.parent.mkdir()
    script.touch()
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    monkeypatch.setattr(program_module.shutil, "which", lambda name: None)
    assert program() == word(Path("my tools", script.name)) != str(Path("my tools", script.name))
    assert shown_run(here / "my runs" / "a") == word(Path("my runs", "a")) != str(Path("my runs", "a"))
    assert shown_run(here / "saves" / "my run") == word("my run") != "my run"


def test_name_is_shown_where_it_leads_to_this_program(installed, monkeypatch):
    monkeypatch.setattr(program_module.shutil, "which", lambda name: str(installed))
    assert program() == "soulsai"


def test_name_is_shown_where_the_program_was_started_in_another_way(here, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(here / "python"))
    assert program() == "soulsai"


def test_run_below_saves_is_shown_by_its_name(here):
    assert shown_run(here / "saves" / "multirun" / "a") == "a"
    assert shown_run(here / "elsewhere" / "a") == str(Path("elsewhere", "a"))
    assert shown_run(here.parent / "a") == str(here.parent / "a")
