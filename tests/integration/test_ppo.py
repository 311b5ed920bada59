"""PPO's rounds with real processes: clients are killed, others join, and rounds wait for them or do not."""

from __future__ import annotations

import pytest
from commands import PACED
from waiting import wait_for

pytestmark = pytest.mark.stack

SMALL = (
    "algorithm.name=ppo",
    "algorithm.config.rollout=128",
    "algorithm.config.minibatch_size=64",
    "algorithm.config.epochs=1",
    "algorithm.config.hidden=[16]",
    PACED,
    "environment.config.num_envs=2",
    "client.heartbeat_interval_s=0.3",
    "training.client_timeout_s=2",
    "training.checkpoint_every=10",
)


class Rounds:
    """A training node and clients, started here instead of by `soulsai train`, which would replace killed clients."""

    def __init__(self, stack, address):
        self._stack = stack
        self._address = address
        self._node = None

    def start_node(self, *arguments, settings=()):
        settings = () if "--resume" in arguments else (*SMALL, *settings, f"redis.address={self._address}")
        self._node = self._stack.start("training-node", *arguments, settings=settings)
        return self._node

    def start_client(self):
        return self._stack.start("client", "--redis-address", self._address, "--wait", "180")

    def status(self):
        self._node.assert_running()
        return self._stack.status(self._address)

    def wait_for_iterations(self, more, clients):
        """Wait for `more` iterations, the last one with rollouts of this many clients. Returns the status."""
        before = wait_for("the node", self.status).iteration

        def look():
            now = self.status()
            return now.iteration >= before + more and now.learner.get("round_clients") == clients and now

        return wait_for(f"{more} iterations with {clients} clients", look)

    def wait_for_statuses(self, count):
        """Wait until the node has reported `count` times more."""
        for _ in range(count):
            before = self.status().elapsed
            wait_for("the next status", lambda before=before: self.status().elapsed > before)


@pytest.fixture
def rounds(stack, server):
    return Rounds(stack, server.address)


def test_training_waits_for_a_killed_client_until_another_one_joins(rounds):
    rounds.start_node(settings=["algorithm.config.on_lost_client=wait"])
    first = rounds.start_client()
    rounds.start_client()
    rounds.wait_for_iterations(3, clients=2)
    first.kill()
    wait_for("the node to notice", lambda: len(rounds.status().clients) == 1)
    waiting_at = rounds.status().iteration
    rounds.wait_for_statuses(3)
    assert rounds.status().iteration == waiting_at, "it went on without the second client"
    rounds.start_client()
    rounds.wait_for_iterations(3, clients=2)


def test_training_continues_without_a_killed_client_and_with_a_new_one(rounds):
    rounds.start_node(settings=["algorithm.config.on_lost_client=continue"])
    first = rounds.start_client()
    rounds.start_client()
    rounds.wait_for_iterations(3, clients=2)
    first.kill()
    rounds.wait_for_iterations(5, clients=1)
    rounds.start_client()
    status = rounds.wait_for_iterations(3, clients=2)
    assert status.learner["rounds_restarted"] == 0


def test_training_stops_with_a_checkpoint_when_a_client_is_killed(rounds, stack):
    node = rounds.start_node(settings=["algorithm.config.on_lost_client=stop"])
    first = rounds.start_client()
    second = rounds.start_client()
    rounds.wait_for_iterations(3, clients=2)
    first.kill()
    assert "a client was lost" in node.wait_for_end()
    second.wait_for_end()
    assert stack.counters()["iteration"] >= 3


def test_round_whose_messages_were_lost_is_restarted(stack, make_server):
    """The server forgets everything in the middle of a round."""
    server = make_server()
    rounds = Rounds(stack, server.address)
    rounds.start_node(settings=["algorithm.config.round_timeout_s=3"])
    rounds.start_client()
    rounds.start_client()
    rounds.wait_for_iterations(3, clients=2)
    server.kill()
    server.start()
    rounds.wait_for_iterations(5, clients=2)


def test_killed_node_resumes_with_the_clients_that_stayed(rounds):
    node = rounds.start_node()
    rounds.start_client()
    rounds.start_client()
    before = rounds.wait_for_iterations(15, clients=2)
    node.kill()
    resumed = rounds.start_node("--resume")
    resumed.wait_for_output("Training")
    after = rounds.wait_for_iterations(3, clients=2)
    assert after.iteration > before.iteration and after.run_id == before.run_id


def test_default_settings_train_lunarlander(stack):
    command = stack.start("train", settings=("algorithm.name=ppo", "training.stop.iterations=2"))
    assert "the goal of 2 iterations is reached" in command.wait_for_end()
    assert stack.counters()["env_steps"] >= 2 * 2048
