"""A kill at any time while a checkpoint is written leaves the complete old one or the complete new one."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from soulsai_core import checkpoint
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import State

STEPS = 400
"""More than writing takes; the tests fail if it is not."""


class Killed(BaseException):
    """The process has ended: no code may handle this."""


class Life:
    """Counts the steps that change the disk, and ends before one of them. After that nothing changes the disk. Nothing
    is really synced, which would take most of the time and show nothing."""

    def __init__(self, monkeypatch, steps):
        self.left = steps
        self.dead = False
        for owner, name in (
            (os, "rename"), (os, "replace"), (os, "unlink"), (os, "remove"), (os, "rmdir"), (os, "mkdir"),
            (os, "fsync"), (Path, "rename"), (Path, "mkdir"), (Path, "write_text"),
            (checkpoint.safetensors.numpy, "save_file"),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, self.mortal(getattr(owner, name)))

    def mortal(self, function):
        torn = {"write_text": self.tear_text, "save_file": self.tear_arrays}.get(function.__name__)

        def call(*args, **options):
            if self.dead or self.left == 0:
                if torn is not None and not self.dead:
                    torn(*args)
                self.dead = True
                raise Killed
            self.left -= 1
            return function(*args, **options)

        return call

    @staticmethod
    def tear_text(path, text, **_):
        io.FileIO(path, "w").write(text.encode()[: len(text) // 2])

    @staticmethod
    def tear_arrays(arrays, path):
        io.FileIO(path, "w").write(b"half of it")


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fsync)
    return tmp_path / "checkpoint"


def fsync(descriptor):
    """Not a real one."""


def write(path, value):
    parts = {name: {"w": np.full(3, value)} for name in ("network", "optimizer", "replay")}
    checkpoint.write(path, State(parts, {"value": value}), {"iteration": value}, {"algorithm": "dqn"})


def value_of(path):
    """The value of a checkpoint, which must be complete and must not mix two of them."""
    state, node = checkpoint.read(path, {"algorithm": "dqn"})
    values = {node["iteration"], state.values["value"], *(part["w"][0] for part in state.arrays.values())}
    assert len(state.arrays) == 3 and len(values) == 1
    return values.pop()


def killed_after(steps, action):
    """True if the action was killed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        Life(monkeypatch, steps)
        try:
            action()
        except Killed:
            return True
    return False


def test_kill_at_any_step_leaves_the_old_or_the_new_checkpoint(path):
    seen = []
    for steps in range(STEPS):
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        write(path, 1)
        killed = killed_after(steps, lambda: write(path, 2))
        seen.append(value_of(path))
        if not killed:
            break
    assert not killed and seen == sorted(seen) and set(seen) == {1, 2} and len(seen) > 20


def test_training_that_goes_on_after_a_kill_at_any_step_can_save_again(path):
    for steps in range(STEPS):
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        write(path, 1)
        killed = killed_after(steps, lambda: write(path, 2))
        write(path, 3)
        assert value_of(path) == 3 and [p.name for p in path.parent.iterdir()] == ["checkpoint"]
        if not killed:
            return
    pytest.fail("writing takes more steps than were tried")


def test_two_kills_at_any_steps_leave_a_checkpoint(path):
    for first in range(STEPS):
        survived = True
        # Every sixth step, each time another one: all of them together would take minutes.
        for second in range(first % 6, STEPS, 6):
            shutil.rmtree(path.parent)
            path.parent.mkdir()
            write(path, 1)
            survived = not killed_after(first, lambda: write(path, 2))
            again = killed_after(second, lambda: write(path, 3))
            assert value_of(path) in (1, 2, 3)
            if not again:
                break
        if survived:
            return
    pytest.fail("writing takes more steps than were tried")


def test_kill_during_the_first_checkpoint_leaves_none_or_a_complete_one(path):
    outcomes = set()
    for steps in range(STEPS):
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        killed = killed_after(steps, lambda: write(path, 1))
        try:
            outcomes.add(value_of(path))
        except CheckpointError:
            outcomes.add(None)
        if not killed:
            break
    assert outcomes == {None, 1}


def test_failure_at_any_step_is_an_error_and_the_old_checkpoint_stays_loadable(path, monkeypatch):
    """A full or failing disk instead of a kill: what runs afterwards may go on changing the disk."""
    write(path, 1)
    original = Path.write_text
    for failing in range(3):
        calls = iter(range(10))

        def write_text(self, *args, failing=failing, calls=calls, **options):
            if next(calls) == failing:
                raise OSError(28, "No space left on device")
            return original(self, *args, **options)

        monkeypatch.setattr(Path, "write_text", write_text)
        with pytest.raises(OSError, match="No space left"):
            write(path, 2)
        assert value_of(path) == 1
