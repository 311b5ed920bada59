"""The node's rooms by themselves: intake, publisher, receiver, metrics, status."""

import random
import socket
import threading
import urllib.request

import numpy as np
import pytest

from soulsai_core.config import StopSettings, TrainingSettings
from soulsai_core.contracts import Sync
from soulsai_core.errors import ConfigError
from soulsai_core.messages import ArraySpec, ClientInfo, Progress, Weights
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.intake import Intake
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.publisher import PublishingThread
from soulsai_core.node.receiver import SampleReceiver
from soulsai_core.node.roster import Roster
from soulsai_core.node.status import StatusReport
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import ITERATION
from soulsai_core.transport.memory import MemoryTransport
from soulsai_core.wire import StepDecoder, decode_weights, encode_steps


@pytest.fixture
def outside(server):
    return MemoryTransport(server)


@pytest.fixture
def encoded(steps):
    """(number, iterations, client) -> a message."""
    return lambda number, iterations=(0,), client="pc": encode_steps("training", client, number, steps(iterations))


# -- intake


@pytest.fixture
def told():
    return []


@pytest.fixture
def intake(told, steps):
    columns = {name: ArraySpec(c.shape[1:], str(c.dtype)) for name, c in steps([0]).columns.items()}
    decoder = StepDecoder(columns, {"observation"})
    return Intake("training", decoder, Sync(3, 4), NodeMetrics(), lambda *heard: told.append(heard))


def test_intake_gives_the_sender_and_the_admitted_rows_and_tells_of_all(intake, told, encoded):
    client, steps = intake.judge(encoded(1, (4, 5, 9)), iteration=6, env_steps=0, now=0.0)
    assert client == "pc" and steps.of_rows(ITERATION).tolist() == [4, 5]
    assert steps.has_after.tolist() == [False, True] and len(steps.after["observation"]) == 1
    assert told == [("pc", 2, {"future": 1})]


def test_intake_measures_the_age_of_admitted_rows_only(intake, encoded):
    for iteration in range(7):
        intake.age.made(iteration, env_steps=iteration * 10, now=float(iteration))
    intake.judge(encoded(1, (0, 5)), iteration=6, env_steps=70, now=8.0)
    assert (intake.age.iterations, intake.age.env_steps, intake.age.seconds) == (1.0, 20.0, 3.0)


def test_intake_of_endless_strangers_keeps_a_bounded_number_of_series(intake, encoded):
    for number in range(1500):
        intake.judge(encoded(1, client=f"stranger-{number}"), iteration=0, env_steps=0, now=0.0)
    families = [f for f in intake._metrics.registry.collect() if f.name == "soulsai_samples_admitted"]
    series = [sample for sample in families[0].samples if sample.name.endswith("_total")]
    assert len(series) == len(intake.ledger.counts) == 1000


# -- publisher


def progress(iteration=0):
    return Progress("training", "node", "running", iteration, 0, 8)


def weights(iteration):
    return Weights(iteration, {"w": np.full(2, iteration, np.float32)})


@pytest.fixture
def published():
    return []


@pytest.fixture
def publisher(server, clock, published, flaky):
    transport = flaky(MemoryTransport(server))
    publisher = PublishingThread(transport, clock, random.Random(0), lambda *args: published.append(args))
    publisher.transport = transport
    yield publisher
    transport.away = False
    publisher.close()


def test_publisher_sends_the_newest_model_and_skips_older_ones(publisher, outside, published):
    for iteration in range(5):
        publisher.offer(weights(iteration), progress(iteration))
    publisher.start()
    publisher.close()
    iteration, payload = outside.read_model(-1)
    assert decode_weights(iteration, payload).arrays["w"].tolist() == [4.0, 4.0]
    assert [event[0] for event in published] == [4]


def test_publisher_tells_the_size_and_the_time_since_the_offer(publisher, clock, outside, published):
    publisher.offer(weights(3), progress(3))
    clock.now += 2.0
    publisher.close()
    assert published == [(3, len(outside.read_model(-1)[1]), 2.0)]


def test_publisher_sends_progress_without_sending_the_model_again(publisher, outside, server, published):
    publisher.offer(weights(3), progress(3))
    publisher.close()
    server.model = None
    publisher.offer_progress(progress(9))
    publisher.close()
    assert outside.read_model(-1) is None and len(published) == 1
    assert outside.read_progress() is not None


def test_publisher_sends_the_model_again_when_asked(publisher, outside, published):
    publisher.offer(weights(3), progress(3))
    publisher.close()
    outside.clear()
    publisher.republish()
    publisher.close()
    assert outside.read_model(-1)[0] == 3 and len(published) == 2


def test_publisher_has_nothing_to_repeat_before_the_first_model(publisher, outside, published):
    publisher.republish()
    publisher.close()
    assert published == [] and outside.read_progress() is None


def test_publisher_keeps_what_could_not_be_sent(publisher, outside, published):
    publisher.transport.away = True
    publisher.start()
    publisher.offer(weights(1), progress(1))
    assert publisher.transport.refused.acquire(timeout=20)
    publisher.offer(weights(2), progress(2))
    publisher.transport.away = False
    publisher.close()
    assert outside.read_model(-1)[0] == 2
    assert {event[0] for event in published} == {2}


def test_publisher_raises_what_ended_its_thread(publisher):
    failed = threading.Event()
    publisher.start()
    publisher._published = lambda *args: (failed.set(), 1 / 0)
    publisher.offer(weights(1), progress(1))
    assert failed.wait(20)
    publisher._loop.join(20)
    with pytest.raises(ZeroDivisionError):
        publisher.check()
    publisher._published = lambda *args: None


# -- receiver


@pytest.fixture
def receiver(server):
    receiver = SampleReceiver(MemoryTransport(server), random.Random(0))
    yield receiver
    receiver.close()


def received(receiver, count):
    entries = []
    for _ in range(50):
        entries += receiver.get(1.0)
        if len(entries) >= count:
            return entries
    pytest.fail(f"only {len(entries)} of {count} messages came")


def test_receiver_gives_all_messages_in_order(receiver, outside):
    sent = [b"%d" % n for n in range(3000)]
    outside.push_samples(sent)
    receiver.start()
    assert [entry.payload for entry in received(receiver, 3000)] == sent
    assert receiver.get(0) == []


def test_receiver_releases_what_was_consumed_and_nothing_else(receiver, outside):
    outside.push_samples([b"1", b"2", b"3"])
    receiver.start()
    entries = received(receiver, 3)
    assert outside.backlog() == 3
    receiver.consumed(entries[1].id)
    receiver.close()
    assert outside.backlog() == 1


def test_receiver_reads_ahead_by_a_bounded_number_of_messages(receiver, outside):
    outside.push_samples([b"x"] * 9000)
    receiver.start()
    first = receiver.get(10.0)
    assert 0 < len(first) <= 256
    assert receiver._queue.maxsize * 256 < 9000


# -- status


@pytest.fixture
def board(tmp_path, clock, intake):
    episodes = EpisodeLog(tmp_path / "episodes.jsonl", 3)
    settings = TrainingSettings(stop=StopSettings(env_steps=50, iterations=7, seconds=100))
    board = StatusReport(clock, RunFolder(tmp_path), settings, episodes, intake, Roster(15))
    board.roster = board._roster
    return board


def test_status_has_rates_and_elapsed_time_with_what_was_before(board, clock):
    board.resume(60.0)
    board.start()
    board.status("running", 0, 1000, 0)
    clock.now += 2
    status = board.status("running", 10, 1400, 3)
    assert (status.elapsed, status.steps_per_second, status.iterations_per_second) == (62.0, 200.0, 5.0)
    assert (status.state, status.backlog, status.goal_env_steps, status.mean_return) == ("running", 3, 50, None)


def test_status_shows_a_client_that_sent_nothing_yet(board):
    board.roster.look({"pc": (0.0, ClientInfo("pc", "host"))})
    assert [(c.admitted, c.rejected) for c in board.status("running", 0, 0, 0).clients] == [(0, {})]


@pytest.mark.parametrize(
    ("iteration", "env_steps", "seconds", "reason"),
    [
        (6, 49, 99, None),
        (6, 50, 99, "50 environment steps were trained"),
        (7, 49, 99, "7 iterations were trained"),
        (6, 49, 100, "100 seconds were trained"),
    ],
)
def test_goal_is_reached_at_its_value(board, clock, iteration, env_steps, seconds, reason):
    board.start()
    clock.now += seconds
    assert board.goal_reached(iteration, env_steps) == reason


# -- metrics


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_metrics_are_served_until_they_are_stopped(free_port):
    metrics = NodeMetrics()
    metrics.admitted.labels("pc").inc(5)
    stop = metrics.serve(free_port)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics") as answer:
        assert 'soulsai_samples_admitted_total{client="pc"} 5.0' in answer.read().decode()
    stop()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=5)


def test_port_that_is_taken_is_named_with_its_setting():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"training\.prometheus_port is {port}.*null to switch monitoring off"):
            NodeMetrics().serve(port)


def test_two_nodes_in_one_process_have_metrics_of_their_own():
    first, second = NodeMetrics(), NodeMetrics()
    first.admitted.labels("pc").inc(5)
    assert second.registry.get_sample_value("soulsai_samples_admitted_total", {"client": "pc"}) is None


def test_client_is_forgotten_with_all_its_series_and_no_other_is():
    metrics = NodeMetrics()
    for client in ("a", "b"):
        metrics.admitted.labels(client).inc()
        metrics.rejected.labels(client, "stale").inc()
        metrics.rejected.labels(client, "dtype").inc()
    metrics.forget_client("a")
    metrics.forget_client("never seen")
    left = {s.labels["client"] for f in metrics.registry.collect() for s in f.samples if "client" in s.labels}
    assert left == {"b"}
