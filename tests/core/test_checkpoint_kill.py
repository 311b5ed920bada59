"""A kill or a power cut at any time while a checkpoint is written leaves a complete one, the old or the new."""

import shutil

import numpy as np
import pytest
from disks import DyingDisk, ForgetfulDisk, Killed

from soulsai_core import checkpoint
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import State

IDENTITY = {"algorithm": "dqn"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoint"


def write(path, value, disk, keep=None):
    parts = {name: {"w": np.full(3, value)} for name in ("network", "optimizer")}
    link = lambda folder: (disk.make_folder(folder), {})[1]  # noqa: E731
    checkpoint.write(
        path, State(parts, {"value": value}), {"iteration": value}, IDENTITY, link=link, keep=keep, disk=disk
    )


def value_of(path):
    """The value of a checkpoint, which must be complete and must not mix two of them."""
    state, node = checkpoint.read(path, IDENTITY)
    values = {node["iteration"], state.values["value"], *(part["w"][0] for part in state.arrays.values())}
    assert len(state.arrays) == 2 and len(values) == 1
    return values.pop()


def lives(path, change):
    """For each step on the disk at which a change may be cut short: the path, whose folder was changed until then."""
    step = 0
    while True:
        shutil.rmtree(path.parent, ignore_errors=True)
        disk = DyingDisk(step)
        try:
            change(disk)
        except Killed:
            yield path
            step += 1
            continue
        assert step > 10, "nothing was ever cut short"
        return


def test_first_checkpoint_is_missing_or_complete(path):
    for _ in lives(path, lambda disk: write(path, 1, disk)):
        try:
            assert value_of(path) == 1
        except CheckpointError as error:
            assert "no checkpoint at" in str(error)


def test_replaced_checkpoint_is_the_old_one_or_the_new_one(path):
    def change(disk):
        write(path, 1, DyingDisk(None))
        write(path, 2, disk)

    found = {value_of(path) for _ in lives(path, change)}
    assert found == {1, 2}


def test_next_checkpoint_can_be_written_after_a_kill_at_any_time(path):
    def change(disk):
        write(path, 1, DyingDisk(None))
        write(path, 2, disk)

    for _ in lives(path, change):
        write(path, 3, DyingDisk(None))
        assert value_of(path) == 3
        assert [folder.name for folder in path.parent.iterdir()] == ["checkpoint"]


def test_replaced_checkpoint_can_be_kept_elsewhere(path):
    def change(disk):
        write(path, 1, DyingDisk(None))
        write(path, 2, disk, keep=lambda old: disk.rename(old, path.with_name("kept")))

    for _ in lives(path, change):
        assert value_of(path) in (1, 2)
        kept = path.with_name("kept")
        assert not kept.exists() or value_of(kept) == 1


@pytest.mark.parametrize("seed", range(4))
def test_power_cut_leaves_the_old_checkpoint_or_the_new_one(path, seed):
    for step in range(60):
        shutil.rmtree(path.parent, ignore_errors=True)
        disk = ForgetfulDisk(path.parent, seed)
        write(path, 1, disk)
        disk.dies_after(step)
        try:
            write(path, 2, disk)
            done = True
        except Killed:
            done = False
        disk.cut_power()
        assert value_of(path) in ((2,) if done else (1, 2))
        if done:
            return
    raise AssertionError("writing a checkpoint takes more steps than the test allows")
