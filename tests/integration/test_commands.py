"""What can be asked of a training that is running."""

import json
import re

import pytest

from soulsai_core import checkpoint

pytestmark = pytest.mark.stack


def test_status_shows_clients_and_rates_for_people_and_programs(stack, until):
    command = stack.training()
    until("two heartbeats", lambda: [c.info.env_steps > 0 for c in stack.status().clients] == [True, True])
    shown = stack.run("status")
    assert stack.run_folder.name in shown and "running" in shown
    assert re.search(r"env steps\s+[\d,]+ of 1,000,000,000, [\d,]+/s", shown)
    assert re.search(r"iteration\s+\d+, [\d.]+/s", shown)
    assert re.search(r"clients\s+2\s", shown)
    status = json.loads(stack.run("status", "--json"))
    assert status["run_id"] == stack.run_folder.name
    assert status["steps_per_second"] > 0 and status["iterations_per_second"] > 0
    for client in status["clients"]:
        assert client["info"]["id"] in shown
        assert client["info"]["env_steps"] > 0 and client["admitted"] > 0
    command.interrupt()
    command.ends()


def test_quicksave_prints_where_the_checkpoint_is(stack):
    command = stack.training()
    without, whole = (stack.folder / stack.run("quicksave", *option).strip() for option in ([], ["--save-buffer"]))
    assert "replay" not in checkpoint.read(without)[0].arrays
    assert len(checkpoint.read(whole)[0].arrays["replay"]["rows.reward"]) > 200
    assert without.parent == whole.parent == stack.run_folder / "manual_save"
    command._alive()
    command.interrupt()
    command.ends()


def test_shutdown_saves_and_ends_node_clients_and_those_who_joined(stack, until):
    command = stack.training()
    guest = stack.start("client")
    until("the third client", lambda: len(stack.status().clients) == 3)
    before = stack.status()
    assert "checkpoint" in stack.run("shutdown")
    assert "a shutdown was asked for" in command.ends(timeout=15)
    assert "the training has ended" in guest.ends(timeout=15)
    assert stack.counters()["env_steps"] >= before.env_steps
    assert not stack.processes()


def test_client_joins_and_leaves_while_the_others_go_on(stack, until):
    command = stack.training()
    guest = stack.start("client", "--seed", "5")
    name = guest.says(r"Joined \S+ as (\S+)\.")[1]
    until("its samples", lambda: any(c.info.id == name and c.admitted for c in stack.status().clients))
    guest.interrupt()
    assert "interrupted" in guest.ends(timeout=10)
    left = until("its farewell", lambda: (s := stack.status()) and len(s.clients) == 2 and s)
    until("more steps", lambda: stack.status().env_steps > left.env_steps)
    command.interrupt()
    command.ends()
