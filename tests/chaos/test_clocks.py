"""Clocks that are wrong by an hour and jump: no row is rejected, and no wait never ends."""

from __future__ import annotations

import pytest
from waiting import wait_for

pytestmark = pytest.mark.stack

JUMPING = """
import itertools, os, time
real = time.time
offsets = itertools.cycle([3600.0, -3600.0, 0.0])
time.time = lambda: real() + next(offsets)
open(os.path.join(os.path.dirname(__file__), f"used-{os.getpid()}"), "w").close()
"""
"""A module that Python imports at its start."""


def test_training_whose_clocks_jump_by_an_hour_at_each_look_admits_everything_and_ends(stack, tmp_path):
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(JUMPING)
    stack.add_to_path(tmp_path / "clock")
    command = stack.train("--clients", "2", "--seed", "3", steps=1500)

    def status():
        return stack.status() if command.process.poll() is None else None

    wait_for("both clients", lambda: (seen := status()) is not None and len(seen.clients) == 2)
    seen = status()
    command.wait_for_end()
    assert len(list((tmp_path / "clock").glob("used-*"))) >= 3, "node and clients"
    assert seen.rejected == {} and stack.counters()["env_steps"] >= 1500
    stack.wait_until_gone()
