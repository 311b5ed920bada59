"""PPO's rounds with real processes: clients are killed, join, and are waited for or not."""

import time

import pytest

pytestmark = pytest.mark.stack

SMALL = (
    "algorithm.name=ppo",
    "algorithm.config.rollout=256",
    "algorithm.config.minibatch_size=64",
    "algorithm.config.epochs=2",
    "algorithm.config.hidden=[16]",
    "environment.config.id=CartPole-v1",
    "environment.config.num_envs=2",
    "client.heartbeat_interval_s=0.3",
    "training.client_timeout_s=2",
    "training.checkpoint_every=10",
)


class Rounds:
    """A node and clients of their own, so that nobody starts a killed client again."""

    def __init__(self, stack, server, until):
        self._stack, self._server, self._until = stack, server, until

    def node(self, *settings):
        address = f"redis.address={self._server.address}"
        return self._stack.start("training-node", settings=(*SMALL, *settings, address))

    def client(self):
        return self._stack.start("client", "--redis-address", self._server.address, "--wait", "60")

    def status(self):
        return self._stack.status(self._server.address)

    def reaches(self, more, clients=None):
        """Wait for so many more iterations, the last one with so many rollouts."""
        before = self._until("the node", self.status).iteration

        def there():
            now = self.status()
            played = now.learner.get("round_clients")
            return now.iteration >= before + more and (clients is None or played == clients) and now

        return self._until(f"{more} iterations", there)

    def knows_of(self, clients):
        return self._until(f"{clients} clients", lambda: len(self.status().clients) == clients)


@pytest.fixture
def rounds(stack, server, until):
    return Rounds(stack, server, until)


def test_training_waits_for_a_killed_client_until_another_one_joins(rounds):
    rounds.node("algorithm.config.on_lost_client=wait")
    first, _ = rounds.client(), rounds.client()
    rounds.reaches(5, clients=2)
    first.kill()
    rounds.knows_of(1)
    time.sleep(1)
    waiting_at = rounds.status().iteration
    time.sleep(2)
    assert rounds.status().iteration == waiting_at, "it went on without the second client"
    rounds.client()
    rounds.reaches(5, clients=2)


def test_training_continues_without_a_killed_client_and_takes_a_newcomer_in(rounds):
    rounds.node("algorithm.config.on_lost_client=continue")
    first, _ = rounds.client(), rounds.client()
    rounds.reaches(5, clients=2)
    first.kill()
    rounds.reaches(10, clients=1)
    rounds.client()
    status = rounds.reaches(5, clients=2)
    assert status.learner["rounds_restarted"] == 0


def test_training_stops_with_a_checkpoint_when_a_client_is_killed(rounds, stack):
    node = rounds.node("algorithm.config.on_lost_client=stop")
    first, second = rounds.client(), rounds.client()
    rounds.reaches(5, clients=2)
    first.kill()
    assert "a client was lost" in node.ends()
    second.ends()
    assert stack.counters()["iteration"] >= 5


def test_round_whose_messages_were_lost_is_begun_anew(stack, make_server, until):
    """The server forgets everything in the middle of a round."""
    server = make_server()
    rounds = Rounds(stack, server, until)
    rounds.node("algorithm.config.round_timeout_s=3")
    rounds.client(), rounds.client()
    rounds.reaches(5, clients=2)
    server.kill()
    server.start()
    rounds.reaches(10, clients=2)


def test_killed_node_resumes_with_the_clients_that_are_there(rounds, stack):
    node = rounds.node()
    rounds.client(), rounds.client()
    before = rounds.reaches(25, clients=2)
    node.kill()
    resumed = stack.start("training-node", "--resume")
    resumed.says("Training")
    after = rounds.reaches(10, clients=2)
    assert after.iteration > before.iteration and after.run_id == before.run_id


def test_training_with_no_other_setting_learns_lunarlander(stack, until):
    command = stack.start("train", settings=("algorithm.name=ppo", "training.stop.iterations=3"))
    assert "3 iterations were trained" in command.ends()
    assert stack.counters()["env_steps"] >= 3 * 2048
