"""`soulsai train`: one command from nothing to a model, and every way in which it may end."""

from __future__ import annotations

import json
import re

import pytest
from commands import DQN, LINEAR, add_entry_point
from waiting import wait_for

from soulsai_core import checkpoint

pytestmark = pytest.mark.stack


def test_training_reaches_its_goal_and_leaves_everything_in_one_folder(stack):
    output = stack.train(steps=800, algorithm=DQN).wait_for_end()
    folder = stack.run_folder
    assert f"Training {folder.name};" in output
    assert re.search(r"Training ended: the goal of [\d,]+ environment steps is reached", output)
    assert f"Model   saves/{folder.name}/checkpoint" in output
    assert f"soulsai eval {folder.name}" in output
    log = (folder / "logs" / "training-node.log").read_text()
    assert f"The training {folder.name} starts" in log and "Checkpoint (final)" in log and "has ended: the goal" in log
    assert json.loads((folder / "status.json").read_text())["state"] == "ended"
    assert json.loads((folder / "config.json").read_text())["algorithm"]["config"]["hidden"] == [32]
    episodes = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    assert len(episodes) > 10 and all(episode["total_reward"] == episode["length"] for episode in episodes)
    state, counters = checkpoint.read(folder / "checkpoint")
    assert counters["env_steps"] >= 800 and counters["iteration"] >= 5
    assert {"network", "optimizer", "replay"} <= state.arrays.keys()
    assert not (folder / "address").exists()
    assert not stack.processes()


def test_killed_client_is_started_again_and_an_interrupt_saves_and_leaves_nothing_running(stack):
    command = stack.start_training()
    [first, _] = stack.processes("client")
    first.kill()
    command.wait_for_output("ended with code -9: .*Starting it again")
    wait_for("two clients", lambda: len({p.pid for p in stack.processes("client")} - {first.pid}) == 2)
    before = stack.status()
    command.interrupt()
    assert "Training ended: interrupted." in command.wait_for_end()
    assert stack.counters()["env_steps"] >= before.env_steps
    assert not stack.processes()


def test_interrupt_before_the_training_begins_ends_it(stack):
    command = stack.train()
    wait_for("the folder", lambda: list(stack.folder.glob("saves/*")), pause=0.005)
    command.interrupt()
    assert command.process.wait(180) in (0, 130)
    assert "Traceback" not in command.output
    stack.wait_until_gone()


def test_second_interrupt_ends_a_training_whose_learner_hangs(stack, tmp_path):
    site = tmp_path / "site"
    add_entry_point(site, "hanging", "hanging", "hanging:plugin")
    stack.add_to_path(site)
    command = stack.start_training([*LINEAR, "algorithm.name=hanging"])
    command.interrupt()
    command.wait_for_output("the learner hangs")
    command.interrupt()
    command.wait_for_end(130)
    stack.wait_until_gone()


def test_killed_training_takes_clients_and_server_along_and_can_be_resumed(stack, tmp_path):
    """Nothing tells them that it ended: they notice. The last checkpoint can be resumed from any folder."""
    command = stack.start_training()
    assert len(stack.processes("client")) == 2
    wait_for("a checkpoint", lambda: (stack.run_folder / "checkpoint").exists())
    command.kill()
    stack.wait_until_gone()
    saved = stack.counters()
    assert re.search("killed.*soulsai train --resume", stack.run("status", code=1), re.DOTALL)
    goal = saved["env_steps"] + 300
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = stack.run_folder / "checkpoint"
    stack.run("train", "--resume", str(folder), settings=[f"training.stop.env_steps={goal}"], folder=elsewhere)
    assert stack.counters()["env_steps"] >= goal
    assert stack.counters()["iteration"] > saved["iteration"]
    assert not list(elsewhere.iterdir())


def test_two_trainings_at_once_have_their_own_folders_and_servers(stack):
    trainings = [stack.train("--clients", "1", steps=200) for _ in range(2)]
    outputs = [training.wait_for_end() for training in trainings]
    names = {path.name for path in (stack.folder / "saves").iterdir()}
    assert len(names) == 2
    assert {output.split("Training ")[1].split(";")[0] for output in outputs} == names
