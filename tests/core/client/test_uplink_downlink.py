"""Uplink and downlink by themselves."""

import logging
import threading

import msgspec
import numpy as np
import pytest
from waiting import wait_for

from soulsai_core.client.downlink import Downlink
from soulsai_core.client.evaluation import EvaluationTurns
from soulsai_core.client.uplink import Uplink
from soulsai_core.client.window import Window
from soulsai_core.errors import TransportError
from soulsai_core.messages import ClientInfo, Episode, Weights
from soulsai_core.steps import End, StepBatch
from soulsai_core.transport.memory import MemoryTransport
from soulsai_core.wire import encode_weights

PATIENCE = 60  # seconds


def batch(*steps):
    """A batch of rows with these numbers, all in one segment."""
    rows = len(steps)
    columns = {"observation": np.zeros((rows, 2), np.float32), "reward": np.zeros(rows, np.float32)}
    columns |= {"action": np.zeros(rows, np.uint8), "step": np.array(steps)}
    after = {"observation": np.zeros((1, 2), np.float32)}
    return StepBatch(np.array([[0, 0, rows, 0, 0, 0, End.GOES_ON]]), columns, after)


@pytest.fixture
def window(clock):
    window = Window(limited=True, capacity=100, clock=clock)
    window.acknowledged("node", 0, 1000)
    return window


@pytest.fixture
def uplink(flaky, window, clock, rng):
    """A function: an uplink, not yet started."""
    made = []

    def make():
        info = lambda: ClientInfo("pc", "host")  # noqa: E731
        made.append(Uplink(flaky, "training", "pc", window, rng, clock, interval=2.0, info=info))
        return made[-1]

    yield make
    flaky.away = False
    for uplink in made:
        uplink.close(5.0)


@pytest.fixture
def downlink(server, window, rng):
    downlink = Downlink(MemoryTransport(server), "training", "pc", window, rng)
    yield downlink
    downlink.close()


class LogWatcher(logging.Handler):
    """Lets a test wait for a log message."""

    def __init__(self):
        super().__init__()
        self._messages = []
        self._changed = threading.Condition()

    def emit(self, record):
        with self._changed:
            self._messages.append(record.getMessage())
            self._changed.notify_all()

    def wait_for(self, text):
        with self._changed:
            assert self._changed.wait_for(lambda: any(text in message for message in self._messages), PATIENCE)


@pytest.fixture
def logged():
    watcher = LogWatcher()
    logger = logging.getLogger("soulsai_core.client")
    logger.addHandler(watcher)
    yield watcher
    logger.removeHandler(watcher)


# -- uplink


def test_messages_are_sent_in_order_and_numbered_from_one(uplink, window, node):
    uplink().start()
    for step in range(20):
        window.add(batch(step))
    came = node.receive(20)
    assert node.steps(came) == list(range(20))
    assert [message.header.number for message in came] == list(range(1, 21))
    assert {(message.header.run_id, message.header.client) for message in came} == {("training", "pc")}


def test_message_whose_sending_failed_halfway_is_sent_again_under_its_number(uplink, window, node, flaky, monkeypatch):
    push = flaky._transport.push_samples

    def push_and_lose(payloads):
        monkeypatch.undo()
        push(payloads)
        flaky.away = True
        flaky.read_config()

    monkeypatch.setattr(flaky._transport, "push_samples", push_and_lose)
    uplink().start()
    window.add(batch(1))
    assert flaky.refused.acquire(timeout=PATIENCE)
    flaky.away = False
    assert [message.header.number for message in node.receive(2)] == [1, 1], "the node recognizes the second"


def test_fewer_messages_are_sent_at_once_after_the_connection_broke(uplink, window, node, flaky, monkeypatch):
    sizes = []
    push = flaky._transport.push_samples

    def push_few(payloads):
        sizes.append(len(payloads))
        if len(payloads) > 3:
            raise TransportError("It takes too long.")
        push(payloads)

    monkeypatch.setattr(flaky._transport, "push_samples", push_few)
    for step in range(20):
        window.add(batch(step))
    uplink().start()
    assert node.steps(node.receive(20)) == list(range(20))
    assert sizes[:4] == [20, 10, 5, 2]


def test_what_was_sent_and_not_acknowledged_is_sent_again_after_the_server_was_away(uplink, window, node, flaky, clock):
    uplink().start()
    window.add(batch(1))
    window.add(batch(2))
    node.receive(2)
    window.acknowledged("node", 1, 1000)
    flaky.away = True
    window.add(batch(3))
    assert flaky.refused.acquire(timeout=PATIENCE)
    flaky.away = False
    came = node.receive(2)
    assert [message.header.number for message in came] == [2, 3]
    assert {(message.header.first, message.header.attempt) for message in came} == {(2, 1)}


def test_reports_that_the_server_may_have_forgotten_are_sent_again_before_newer_ones(
    uplink, window, node, flaky, clock
):
    link = uplink()
    link.start()
    link.report(Episode("pc-1", "pc", 1.0, 5, 0, 1.0))
    node.episodes(1)
    flaky.away = True
    link.report(Episode("pc-2", "pc", 1.0, 5, 0, 1.0))
    assert flaky.refused.acquire(timeout=PATIENCE)
    flaky.away = False
    assert [episode.id for episode in node.episodes(3)] == ["pc-1", "pc-1", "pc-2"]


def test_reports_are_sent_again_although_only_the_downlink_noticed_that_the_server_was_lost(
    uplink, node, flaky, window, rng
):
    link = uplink()
    link.start()
    link.report(Episode("pc-1", "pc", 1.0, 5, 0, 1.0))
    node.episodes(1)
    Downlink(flaky, "training", "pc", window, rng, on_loss=link.report_again)._lose()
    assert [episode.id for episode in node.episodes(2)] == ["pc-1", "pc-1"]


def test_episodes_wait_for_the_server_too(uplink, node, flaky):
    """More than are sent in one go."""
    flaky.away = True
    link = uplink()
    link.start()
    assert flaky.refused.acquire(timeout=PATIENCE)
    expected = [f"pc-{number}" for number in range(1, 151)]
    for identifier in expected:
        link.report(Episode(identifier, "pc", 1.0, 5, 0, 1.0))
    flaky.away = False
    came = node.episodes(len(expected))
    assert [episode.id for episode in came] == expected and {episode.run_id for episode in came} == {"training"}


def test_heartbeat_comes_at_once_and_then_at_its_interval(uplink, window, server, clock):
    began = clock.now
    uplink().start()
    with server.changed:
        assert server.changed.wait_for(lambda: "pc" in server.clients, PATIENCE)
        assert msgspec.json.decode(server.clients["pc"][1], type=ClientInfo) == ClientInfo("pc", "host")

    def beats():
        clock.now += 2.5  # again and again: the first one may not be noted yet, and counts from then on
        window.add(batch(1))
        return server.clients["pc"][0] > began

    wait_for("another heartbeat", beats, pause=0.01)


def test_heartbeat_that_says_something_new_does_not_wait_for_its_interval(uplink, server, clock):
    link = uplink()
    link.start()
    with server.changed:
        assert server.changed.wait_for(lambda: "pc" in server.clients, PATIENCE)
        del server.clients["pc"]
    link.hurry()
    with server.changed:
        assert server.changed.wait_for(lambda: "pc" in server.clients, PATIENCE)


def test_closing_sends_what_waits_and_a_last_heartbeat(uplink, window, node, server):
    link = uplink()
    window.add(batch(1, 2))
    link.report(Episode("pc-1", "pc", 1.0, 5, 0, 1.0))
    link.close(5.0)
    assert node.steps(node.receive(2)) == [1, 2] and len(node.episodes(1)) == 1
    assert msgspec.json.decode(server.clients["pc"][1], type=ClientInfo).leaving


def test_closing_does_not_wait_for_a_server_that_does_not_answer(uplink, window, flaky, monkeypatch):
    asked, answer = threading.Event(), threading.Event()
    monkeypatch.setattr(flaky._transport, "push_samples", lambda payloads: (asked.set(), answer.wait(PATIENCE)))
    link = uplink()
    link.start()
    window.add(batch(1))
    assert asked.wait(PATIENCE)
    try:
        with pytest.raises(TransportError, match="does not answer"):
            link.close(0.1)
    finally:
        answer.set()


# -- downlink


def test_model_that_was_there_before_is_fetched_at_once(downlink, node):
    node.publish(3)
    downlink.start()
    assert downlink.wait_newer(-1, PATIENCE) and downlink.newest.iteration == 3


def test_newer_models_are_fetched_as_they_come_and_the_same_one_only_once(downlink, node):
    node.publish(3)
    downlink.start()
    assert downlink.wait_newer(2, PATIENCE)
    held = downlink.newest
    node.send_progress(acked=1)
    node.publish(4)
    assert downlink.wait_newer(3, PATIENCE)
    assert held.iteration == 3 and downlink.newest.iteration == 4


def test_progress_without_a_newer_model_keeps_the_weights(downlink, node, window):
    node.window = 7
    node.publish(3)
    downlink.start()
    assert downlink.wait_newer(2, PATIENCE)
    held = downlink.newest
    node.window = 70
    window.add(batch(1))
    node.send_progress()
    assert window.wait_for_room(50, PATIENCE)
    assert downlink.newest is held


@pytest.mark.parametrize(("value", "same"), [(0.0, True), (1.0, False)])
def test_model_of_a_node_that_was_started_again_counts_as_newer_only_if_it_is_another_one(
    downlink, node, window, value, same
):
    node.window = 7
    node.publish(3)
    downlink.start()
    assert downlink.wait_newer(2, PATIENCE)
    held = downlink.newest
    node.name, node.window = "node-2", 70
    node.publish(3, value)
    window.add(batch(1))
    assert window.wait_for_room(50, PATIENCE), "this progress was read"
    assert (downlink.newest is held) == same


def receive(downlink, node, number):
    """The downlink reads what the node publishes."""
    node.publish(number=number)
    downlink._step()


def test_settings_with_which_a_training_is_resumed_are_read_and_those_it_was_joined_with_are_not(downlink, node):
    node.announce(rate=1)
    receive(downlink, node, 1)
    assert downlink.settings is None
    node.name = "node-2"
    node.announce(rate=2)
    receive(downlink, node, 2)
    found = downlink.settings
    assert found == {"rate": 2}
    node.name = "node-2 after an outage"
    receive(downlink, node, 3)
    assert downlink.settings is found, "the actor must not be changed for nothing"


def test_node_with_another_id_after_an_outage_does_not_ask_again_for_an_evaluation(server, node, window, rng):
    turns = EvaluationTurns()
    downlink = Downlink(MemoryTransport(server), "training", "pc", window, rng, turns)
    node.transport.publish_evaluation(0, encode_weights(Weights(0, {"w": np.zeros(1)})))
    node.evaluation_turns = {"pc": 1}
    receive(downlink, node, 1)
    assert turns.take() is not None
    node.name = "after an outage"
    receive(downlink, node, 2)
    assert turns.take() is None
    node.name, node.evaluation_turns = "after a new start", {}
    receive(downlink, node, 3)
    node.evaluation_turns = {"pc": 1}
    receive(downlink, node, 4)
    assert turns.take() is not None


class SlowModels(MemoryTransport):
    """Models take `seconds` to come, and `meanwhile` is called."""

    def __init__(self, server, clock):
        super().__init__(server)
        self.clock = clock
        self.seconds = 0.0
        self.meanwhile = list

    def read_model(self, newer_than):
        self.clock.now += self.seconds
        self.meanwhile()
        return super().read_model(newer_than)


def test_model_that_comes_slowly_makes_no_client_play_beyond_its_window_or_send_again(server, node, window, clock, rng):
    transport = SlowModels(server, clock)
    downlink = Downlink(transport, "training", "pc", window, rng)
    node.window = 1
    receive(downlink, node, 1)
    window.add(batch(1))
    window.sent(window.next_chunk(10, 2**20))
    transport.seconds = 12.0

    def acknowledge():
        assert not window.away and not window.has_room(1)
        node.send_progress(acked=1, number=3)

    transport.meanwhile = acknowledge
    node.iteration = 1
    receive(downlink, node, 2)
    assert window.next_chunk(10, 2**20) is None
    downlink._step()
    assert window.rows == 0


def test_waiting_for_newer_weights_ends_after_the_time_out(downlink, node):
    node.publish(3)
    downlink.start()
    assert downlink.wait_newer(-1, PATIENCE)
    assert not downlink.wait_newer(3, 0)


def test_older_model_of_a_server_that_was_killed_is_not_used(downlink, node):
    node.publish(7)
    downlink.start()
    assert downlink.wait_newer(6, PATIENCE)
    held = downlink.newest
    node.publish(5)
    node.name, node.iteration = "node-2", 7
    node.send_progress()
    assert not downlink.wait_newer(7, 0.3) and downlink.newest is held
    node.publish(8)
    assert downlink.wait_newer(7, PATIENCE)


@pytest.mark.parametrize(
    "progress", [b"\xff", b"\x81\xa6run_id\xa1\xff", b"\x81\xa1a" + b"\x91" * 9000 + b"\xc0", None]
)
def test_garbage_is_logged_and_the_next_valid_model_is_used(downlink, node, logged, progress):
    if progress is not None:
        node.transport.publish(1, b"", progress)
    else:
        node.iteration = 1
        node.transport.publish(1, b"garbage", node.progress())
    downlink.start()
    logged.wait_for("could not be read")
    assert downlink.newest is None
    node.publish(2)
    assert downlink.wait_newer(1, PATIENCE)
    assert downlink.newest.iteration == 2


def test_lost_notification_delays_a_model_but_does_not_lose_it(downlink, node, server):
    node.publish(1)
    downlink.start()
    assert downlink.wait_newer(0, PATIENCE)
    node.publish(2)
    with server.changed:
        server.message_count -= 1
    assert downlink.wait_newer(1, PATIENCE)


def test_contributor_who_leaves_after_an_outage_sends_what_waits_as_the_node_makes_room(server, clock, rng):
    """All at once it would be a flood, for which the node suspends."""
    window = Window(limited=True, capacity=100, clock=clock, direct=False)
    window.acknowledged("node", 0, 10)
    transport = Counting(server, window)
    uplink = Uplink(
        transport, "training", "pc", window, rng, clock, interval=2.0, info=lambda: ClientInfo("pc", "host")
    )
    window.connection_lost("uplink")
    for number in range(6):
        window.add(batch(*range(8 * number, 8 * number + 8)))
    window.connection_back("uplink")
    uplink.close(5.0, acknowledge=PATIENCE)
    assert transport.largest <= 10 and window.rows == window.unsent_rows == 0


class Counting(MemoryTransport):
    """A server whose node takes in each message at once, and counts the rows that are under way."""

    def __init__(self, server, window):
        super().__init__(server)
        self.window, self.largest, self.number = window, 0, 0

    def push_samples(self, payloads):
        super().push_samples(payloads)
        self.largest = max(self.largest, 8 * len(payloads))
        self.number += len(payloads)
        threading.Timer(0.01, self.window.acknowledged, ("node", self.number, 10)).start()
