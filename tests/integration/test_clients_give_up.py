"""Clients of `soulsai train` that cannot play: trying again is no help, and the person is told why."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.stack

ENVIRONMENT = """
import gymnasium
import numpy as np
import os
from pathlib import Path

class Env(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(4, np.float32), {}

    def step(self, action):
        if "ONLY_ONE_FAILS" in os.environ and not self.is_the_one():
            return np.zeros(4, np.float32), 1.0, self.np_random.random() < 0.1, False, {}
        raise ValueError("the level map is missing")

    def is_the_one(self):
        # The process that asks first fails at each of its attempts.
        first = Path(os.environ["ONLY_ONE_FAILS"], "first")
        try:
            with first.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            pass
        return first.read_text() == str(os.getpid())

gymnasium.register("Unplayable-v0", Env)
"""
SETTINGS = ["environment.config.id=unplayable:Unplayable-v0"]


@pytest.fixture
def unplayable(stack, tmp_path):
    """The stack with an environment that fails at its first step; for one client alone if that variable is set."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "unplayable.py").write_text(ENVIRONMENT)
    stack.add_to_path(site)
    return stack


def test_training_ends_with_the_reason_once_no_client_is_left(unplayable):
    output = unplayable.train(settings=SETTINGS).wait_for_end(2)
    assert output.count("gave up: ") == 2 and "Starting it again" not in output
    assert "Training ended: no client is left." in output
    assert (unplayable.run_folder / "checkpoint").is_dir()
    last = output.rstrip().splitlines()[-1]
    assert last.startswith("soulsai: No client is left; ") and "the level map is missing" in last
    assert not unplayable.processes()


def test_other_clients_go_on_without_one_that_gave_up(unplayable, tmp_path):
    unplayable.environ["ONLY_ONE_FAILS"] = str(tmp_path)
    command = unplayable.train(settings=SETTINGS)
    command.wait_for_output("gave up: (.|\n)*1 of 2 clients go on\\.")
    assert "the level map is missing" in command.output
    unplayable.run("shutdown")
    assert command.wait_for_end().count("gave up: ") == 1
