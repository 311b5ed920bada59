"""The folder of one training."""

import errno
import json
import subprocess
import sys
import threading
from datetime import datetime

import pytest
from filelock import FileLock
from waiting import DEADLINE_S

from soulsai_core.errors import CheckpointError, ConfigError
from soulsai_core.run_folder import RunFolder, read_config, write_config

NOON = datetime(2026, 3, 1, 12, 0, 0)


def create(saves, label="LunarLander-v3_dqn"):
    return RunFolder.create(saves, label, NOON)


def test_name_says_when_and_what(tmp_path):
    assert create(tmp_path / "saves").name == "2026-03-01_12-00-00_LunarLander-v3-dqn"


def test_trainings_that_start_in_the_same_second_get_different_folders(tmp_path):
    names = [create(tmp_path).name for _ in range(5)]
    assert len(set(names)) == 5 and names == sorted(names)


def test_saves_that_cannot_be_a_folder_are_named_with_their_setting(tmp_path):
    (tmp_path / "saves").write_text("I am a file.")
    for saves in (tmp_path / "saves", tmp_path / "saves" / "deeper"):
        with pytest.raises(ConfigError, match=r"run\.saves: no folder can be made in .*saves.* \(.+\)\. Name a folder"):
            create(saves)


def test_missing_folder_and_missing_checkpoint_are_different_errors(tmp_path):
    with pytest.raises(CheckpointError, match=r"no folder .*nowhere; name the folder of a run"):
        RunFolder.resumable(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* that has saved one"):
        RunFolder.resumable(create(tmp_path).path)


@pytest.mark.parametrize("label", ["ALE/Pong-v5", "a\\b", "../up", "a b:c*?"])
def test_label_never_leaves_the_folder(tmp_path, label):
    assert create(tmp_path, label).path.parent == tmp_path
    assert [folder.parent for folder in tmp_path.iterdir()] == [tmp_path]


def test_manual_saves_of_one_iteration_do_not_overwrite_each_other(tmp_path):
    folder = create(tmp_path)
    paths = []
    for _ in range(3):
        paths.append(folder.manual_save(12))
        paths[-1].mkdir(parents=True)
    assert len(set(paths)) == 3 and all(path.parent == folder.path / "manual_save" for path in paths)


def test_configuration_comes_back_as_it_was_saved(tmp_path):
    config = {"algorithm": {"name": "dqn", "config": {"lr": 1e-3}}, "list": [1, None, "ü"]}
    write_config(tmp_path / "config.json", config)
    assert read_config(tmp_path / "config.json") == config
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]


def test_configuration_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "config.json"
    write_config(path, {"a": 1})
    with pytest.raises(TypeError):
        write_config(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe", b"[" * 90_000])
def test_configuration_that_cannot_be_read_is_named(tmp_path, content):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"configuration at .*config\.json cannot be read"):
        read_config(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "is empty"), (" \n", "is empty"), ("null", "is empty"), ("[1]", "is a list instead of settings by name")],
)
def test_configuration_without_settings_is_no_configuration(tmp_path, content, reason):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=rf"at .*config\.json {reason}.*: copy the file from a backup"):
        read_config(path)


def test_folder_of_a_training_that_never_began_is_removed_and_any_other_is_kept(tmp_path):
    unused, used = create(tmp_path), create(tmp_path)
    write_config(used.path / "config.json", {})
    for folder in (unused, used):
        folder.discard_unused()
    assert list(tmp_path.iterdir()) == [used.path]


HOLD = """
import pathlib, sys
from soulsai_core.run_folder import RunFolder
with RunFolder(pathlib.Path(sys.argv[1])).held(1.8e9):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held_elsewhere():
    """(folder) -> a process that holds it until its standard input closes."""
    processes = []

    def hold(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def test_folder_that_another_process_holds_is_refused_with_its_holder_until_that_ends(tmp_path, held_elsewhere):
    folder = create(tmp_path)
    process = held_elsewhere(folder)
    holder = rf"is running \(process {process.pid} on .+ since \d{{4}}-.+\); stop it first"
    with pytest.raises(ConfigError, match=holder), folder.held(1.8e9):
        pass
    process.kill()  # nothing is cleaned up
    process.wait()
    with folder.held(1.8e9):
        assert folder.is_held
    assert not folder.is_held and not (folder.path / "holder").exists()


def test_folder_can_be_taken_although_somebody_asks_at_that_moment_whether_it_is_held(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path)
    monkeypatch.setattr("soulsai_core.run_folder._LOCK_PATIENCE_S", DEADLINE_S)
    attempted, held = threading.Event(), threading.Event()
    acquire = FileLock._acquire

    def noted(lock):
        acquire(lock)
        attempted.set()

    def take():
        with folder.held(0.0):
            held.set()

    asking = FileLock(folder.path / "lock", thread_local=False)
    with asking:
        monkeypatch.setattr(FileLock, "_acquire", noted)
        threading.Thread(target=take, daemon=True).start()
        assert attempted.wait(DEADLINE_S) and not held.is_set()
    assert held.wait(DEADLINE_S)


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES])
def test_folder_that_may_only_be_read_is_held_until_its_holder_takes_its_note_back(tmp_path, monkeypatch, reason):
    def refuse(self, *_, **__):
        raise OSError(reason, "It may only be read", self.lock_file)

    folder = create(tmp_path)
    with folder.held(1.8e9), monkeypatch.context() as only_to_read:
        only_to_read.setattr("filelock.FileLock.acquire", refuse)
        assert folder.is_held
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert (folder.path / "lock").exists() and not folder.is_held
