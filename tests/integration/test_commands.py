"""Commands for a running training."""

from __future__ import annotations

import json
import re

import pytest
from waiting import wait_for

from soulsai_core import checkpoint
from soulsai_core.journal import segments

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def training(module_stack):
    """A training for all tests that leave it running."""
    return module_stack.start_training()


@pytest.fixture
def running(module_stack, training):
    """The stack of that training, which must still run after each test."""
    yield module_stack
    training.assert_running()


def test_status_shows_clients_and_rates_as_text_and_json(running):
    wait_for("two heartbeats", lambda: [c.info.env_steps > 0 for c in running.status().clients] == [True, True])
    shown = running.run("status")
    assert running.run_folder.name in shown and re.search(r"state\s+(learning|collecting)", shown)
    assert re.search(r"steps\s+[\d,]+, [\d,.]+/s", shown)
    assert re.search(r"iteration\s+[\d,]+, [\d.,]+/s", shown)
    assert re.search(r"clients\s+2\s", shown)
    status = json.loads(running.run("status", "--json"))
    assert status["run_id"] == running.run_folder.name
    assert status["steps_per_second"] > 0 and status["iterations_per_second"] > 0
    for client in status["clients"]:
        assert client["info"]["id"] in shown
        assert client["info"]["env_steps"] > 0 and client["admitted"] > 0


def test_quicksave_prints_where_the_checkpoint_is(running):
    without = running.folder / running.run("quicksave").strip()
    whole = running.folder / running.run("quicksave", "--save-buffer").strip()
    assert checkpoint.journal_of(without) is None
    assert sum(entry.record.rows for entry in segments.read(segments.find(checkpoint.journal_of(whole)))) > 100
    assert without.parent == whole.parent == running.run_folder / "manual_save"


def test_client_joins_and_leaves_while_the_others_go_on(running):
    client = running.start("client", "--seed", "5")
    name = client.wait_for_output(r"Joined \S+ as (\S+)\.")[1]
    wait_for("its samples", lambda: any(c.info.id == name and c.admitted for c in running.status().clients))
    client.interrupt()
    assert "interrupted" in client.wait_for_end()
    wait_for("its message that it left", lambda: len(running.status().clients) == 2)
    left_at = running.status().env_steps
    wait_for("more steps", lambda: running.status().env_steps > left_at)


def test_shutdown_saves_and_ends_the_node_and_all_clients(stack):
    command = stack.start_training()
    client = stack.start("client")
    wait_for("the third client", lambda: len(stack.status().clients) == 3)
    before = stack.status()
    assert "checkpoint" in stack.run("shutdown")
    assert "a shutdown was asked for" in command.wait_for_end()
    assert "the training has ended" in client.wait_for_end()
    assert stack.counters()["env_steps"] >= before.env_steps
    assert not stack.processes()
