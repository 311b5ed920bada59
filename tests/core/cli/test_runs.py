"""Which runs are found below a folder, and in which order."""

import json
import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from soulsai_core.cli import main
from soulsai_core.cli.agents.models import find_model
from soulsai_core.cli.runs import began, newest_folder, resumable_under, run_path, running_address
from soulsai_core.cli.training.resume import chosen_folder
from soulsai_core.errors import CheckpointError
from soulsai_core.run_folder import RunFolder

NOON = datetime(2026, 3, 1, 12, 0, 0)
NOW = 1_800_000_000.0


def create(saves, label="LunarLander-v3_dqn"):
    return RunFolder.create(saves, label, NOON)


def reported(saves, name, age, *, run_id="", state="running"):
    """A run with a checkpoint whose last status is `age` seconds old."""
    folder = RunFolder(saves / name)
    (folder.path / "checkpoint").mkdir(parents=True)
    folder.config.write_text("{}")
    folder.status.write_text(json.dumps({"time": NOW - age, "run_id": run_id or name, "state": state}))
    return folder


def names(folders):
    return [folder.name for folder in folders]


def test_newest_run_is_the_one_that_reported_last_whatever_the_times_of_files_and_folders(tmp_path):
    for name, age in (("a", 60), ("b", 5), ("c", 30)):
        reported(tmp_path, name, age)
    create(tmp_path, "without-a-checkpoint")
    for file in (tmp_path / "a").rglob("*"):
        os.utime(file, (NOW + 1000, NOW + 1000))
    assert names(resumable_under(tmp_path)) == ["b", "c", "a"]
    assert newest_folder(tmp_path).name == "b"
    assert find_model(None, tmp_path)[0].name == "b"


@pytest.mark.parametrize("where", ["multirun_1", "sweep_x/trial-000"])
def test_newest_run_may_be_one_of_a_multirun_or_of_a_sweep(tmp_path, where):
    reported(tmp_path, "a", 5)
    run = reported(tmp_path / where, "b", 1)
    assert newest_folder(tmp_path).path == run.path
    assert find_model(None, tmp_path)[1] == run.checkpoint
    run.write_address("redis://localhost:7002")
    with run.held(1.8e9):
        assert running_address(tmp_path) == "redis://localhost:7002"


@pytest.mark.parametrize("name", ["a-copy", "z-copy"])
def test_copy_of_a_run_is_not_newer_than_the_run(tmp_path, name):
    reported(tmp_path, "older", 900)
    run = reported(tmp_path, "run", 5)
    shutil.copytree(run.path, tmp_path / name)
    assert names(resumable_under(tmp_path)) == ["run", name, "older"]


def test_run_that_was_killed_before_its_first_report_is_as_new_as_its_start(tmp_path):
    reported(tmp_path, "older", 5)
    begun = RunFolder.create(tmp_path, "lander", datetime.fromtimestamp(NOW))
    begun.config.write_text("{}")
    (begun.path / "checkpoint.old").mkdir()
    assert names(resumable_under(tmp_path)) == [begun.name, "older"]
    assert began(begun) == NOW and began(RunFolder(tmp_path / "older")) == 0.0


def test_resumed_run_that_was_killed_before_its_first_report_is_as_new_as_its_resume(tmp_path):
    ended = reported(tmp_path, "ended", 900)
    reported(tmp_path, "later", 5)
    with ended.held(NOW):
        note = (ended.path / "holder").read_text()
    assert names(resumable_under(tmp_path)) == ["later", "ended"]
    (ended.path / "holder").write_text(note)  # what a kill leaves
    assert names(resumable_under(tmp_path)) == ["ended", "later"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"time": "x"}', '{"time": null, "run_id": 1}', '{"time": 5}', "[" * 90_000]
)
def test_run_with_a_status_that_cannot_be_read_is_found_after_the_others(tmp_path, text):
    reported(tmp_path, "a", 900)
    reported(tmp_path, "b", 5).status.write_text(text)
    (tmp_path / "b" / "holder").write_text(text)
    assert names(resumable_under(tmp_path)) == ["a", "b"]


def test_run_that_was_killed_before_its_first_checkpoint_has_a_journal(tmp_path):
    folder = create(tmp_path)
    assert resumable_under(tmp_path) == []
    folder.journal.mkdir()
    (folder.journal / "0000000000000000.steps").touch()
    assert resumable_under(tmp_path) == [], "it has not begun: its configuration is written before"
    with pytest.raises(CheckpointError, match="no checkpoint"):
        RunFolder.resumable(folder.path)
    folder.config.write_text("{}")
    assert resumable_under(tmp_path)[0].path == RunFolder.resumable(folder.path).path == folder.path


@pytest.fixture
def start_that_was_killed(tmp_path, monkeypatch):
    """The folder of a start that was killed while it took the steps of another run."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(Path("saves"), "lander", datetime.fromtimestamp(NOW))
    with folder.held(1.8e9):
        note = (folder.path / "holder").read_text()
        folder.journal.mkdir()
        (folder.journal / "0000000000000000.steps").touch()
        assert not folder.never_began, "it is about to begin"
    (folder.path / "holder").write_text(note)
    return folder


@pytest.mark.parametrize(
    "words",
    ["train --resume {}", "train --from {}", "train --resume", "eval {}", "play {}", "eval", "play", "quicksave"],
)
def test_commands_say_that_a_start_was_killed_before_its_training_began(start_that_was_killed, words, capsys):
    name = start_that_was_killed.name
    assert main(words.format(name).split()) == 2
    said = capsys.readouterr().err
    assert f"{name} is of a start that was killed before its training began: delete it, and start again." in said


def test_commands_that_choose_a_run_say_that_a_newer_start_was_killed(start_that_was_killed, capsys, caplog):
    reported(Path("saves"), "older", 5)
    killed = "is of a start that was killed before its training began"
    assert main(["status"]) == 2 and killed in caplog.text
    caplog.clear()
    assert find_model(None, Path("saves"))[0].name == "older" and killed in caplog.text
    caplog.clear()
    assert chosen_folder("", Path("saves"), NOW).name == "older" and killed in caplog.text
    caplog.clear()
    reported(Path("saves"), "newer", -(10**10))
    assert find_model(None, Path("saves"))[0].name == "newer" and not caplog.text


def test_run_is_found_by_its_path_or_by_its_name_below_saves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saves = Path("saves")
    for run in ("a", "multirun_1/b", "sweep_x/trial-000/c", "[d]"):
        (saves / run).mkdir(parents=True)
    found = [run_path(name, saves) for name in ("saves/a", "a", "b", "c", "[d]", "nowhere", "a*")]
    paths = ["saves/a", "saves/a", "saves/multirun_1/b", "saves/sweep_x/trial-000/c", "saves/[d]", "nowhere", "a*"]
    assert found == list(map(Path, paths))
    assert run_path(tmp_path / "nowhere", saves) == tmp_path / "nowhere"


def test_address_is_found_while_the_training_runs_and_not_afterwards(tmp_path):
    first, second = create(tmp_path, "a"), create(tmp_path, "b")
    assert running_address(tmp_path) is None
    first.write_address("redis://localhost:7001")
    second.write_address("redis://localhost:7002")
    assert running_address(tmp_path) is None, "both were killed: nothing holds their folders"
    with first.held(1.8e9):
        assert running_address(tmp_path) == "redis://localhost:7001"
        with second.held(1.9e9):
            os.utime(first.path / "address", (2**31, 2**31))
            assert running_address(tmp_path) == "redis://localhost:7002", "it began last"
            second.write_address(None)
            assert running_address(tmp_path) == "redis://localhost:7001"
    first.write_address(None)
    first.write_address(None)
    assert running_address(tmp_path) is None
