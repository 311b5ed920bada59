"""`soulsai train`: one command from nothing to a model, and every way in which it may end."""

import json
import re
import time

import pytest

from soulsai_core import checkpoint

pytestmark = pytest.mark.stack


def test_trains_to_its_goal_and_leaves_everything_in_one_folder(stack):
    output = stack.train(steps=1000).ends()
    folder = stack.run_folder
    assert f"Training {folder.name};" in output
    assert "Training ended: 10" in output and "environment steps were trained" in output
    assert f"The model lies in saves/{folder.name}/checkpoint" in output
    assert json.loads((folder / "config.json").read_text())["algorithm"]["config"]["hidden"] == [32]
    episodes = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    assert len(episodes) > 10 and all(episode["total_reward"] == episode["length"] for episode in episodes)
    state, counters = checkpoint.read(folder / "checkpoint")
    assert counters["env_steps"] >= 1000 and counters["iteration"] >= 5
    assert {"network", "optimizer", "replay"} <= state.arrays.keys()
    assert not (folder / "address").exists()
    assert not stack.processes()


def test_interrupt_saves_and_leaves_nothing_running(stack):
    command = stack.training()
    before = stack.status()
    command.interrupt()
    assert "Training ended: interrupted." in command.ends(timeout=15)
    assert stack.counters()["env_steps"] >= before.env_steps
    assert not stack.processes()


def test_interrupt_before_training_begins_is_heard(stack, until):
    command = stack.train()
    until("the folder", lambda: list(stack.folder.glob("saves/*")))
    command.interrupt()
    command.process.wait(60)
    assert command.process.returncode in (0, 130)
    assert "Traceback" not in command.output
    stack.is_gone(5)


def test_second_interrupt_leaves_at_once(stack):
    command = stack.training()
    command.interrupt()
    time.sleep(0.02)
    command.interrupt()
    command.ends(130, timeout=3)
    stack.is_gone(5)


def test_killed_training_takes_clients_and_server_along_and_can_be_resumed(stack, until, tmp_path):
    """Nobody is there to tell them: they notice. What had been saved is there, from whatever folder it is resumed."""
    command = stack.training()
    assert len(stack.processes("client")) == 2
    until("a checkpoint", lambda: (stack.run_folder / "checkpoint").exists())
    command.kill()
    stack.is_gone(10)
    saved = stack.counters()
    assert re.search("soulsai: .* was killed, .*`soulsai train --resume`", stack.run("status", code=2))
    goal, elsewhere, path = saved["env_steps"] + 500, tmp_path / "elsewhere", stack.run_folder / "checkpoint"
    elsewhere.mkdir()
    stack.run("train", "--resume", str(path), settings=[f"training.stop.env_steps={goal}"], folder=elsewhere)
    assert stack.counters()["env_steps"] >= goal
    assert stack.counters()["iteration"] > saved["iteration"]
    assert not list(elsewhere.iterdir())


def test_client_that_dies_is_started_again(stack, until):
    command = stack.training()
    [first, _] = stack.processes("client")
    first.kill()
    command.says("ended with code -9: .*Starting it again")
    until("two clients", lambda: len({p.pid for p in stack.processes("client")} - {first.pid}) == 2)
    command.interrupt()
    command.ends()


def test_two_trainings_at_once_have_folders_and_servers_of_their_own(stack):
    one, other = (stack.train("--clients", "1", steps=300) for _ in range(2))
    outputs = one.ends(), other.ends()
    names = {path.name for path in (stack.folder / "saves").iterdir()}
    assert len(names) == 2
    assert {output.split("Training ")[1].split(";")[0] for output in outputs} == names
