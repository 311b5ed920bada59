"""The thread that sends models and progress: the newest one wins, and none is lost while the server is away."""

import random
import threading

import numpy as np
import pytest

from soulsai_core.messages import Progress, Weights
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.publishing import PublishingThread
from soulsai_core.transport.memory import MemoryTransport
from soulsai_core.wire import decode_weights


def progress(iteration=0):
    return Progress("training", "node", "running", iteration, 0, 8)


def weights(iteration):
    return Weights(iteration, {"w": np.full(2, iteration, np.float32)})


def published(events):
    """Iterations of the models that were published."""
    return [arguments["iteration"] for event, arguments in events.emitted if event == "weights_published"]


@pytest.fixture
def outside(server):
    return MemoryTransport(server)


@pytest.fixture
def publisher(server, clock, events, flaky):
    transport = flaky(MemoryTransport(server))
    publisher = PublishingThread(transport, events, NodeMetrics(), clock, random.Random(0))
    publisher.transport = transport
    yield publisher
    transport.away = False
    publisher.close()


def test_newest_model_is_sent_and_older_ones_are_skipped(publisher, outside, events):
    for iteration in range(5):
        publisher.send_model(weights(iteration), progress(iteration))
    publisher.start()
    publisher.close()
    iteration, payload = outside.read_model(-1)
    assert decode_weights(iteration, payload).arrays["w"].tolist() == [4.0, 4.0]
    assert published(events) == [4]


def test_size_and_time_since_the_model_was_given_are_reported(publisher, clock, outside, events):
    publisher.send_model(weights(3), progress(3))
    clock.now += 2.0
    publisher.close()
    size = len(outside.read_model(-1)[1])
    assert events.emitted == [("weights_published", {"iteration": 3, "size": size, "seconds": 2.0})]
    assert publisher._metrics.registry.get_sample_value("soulsai_publish_seconds_sum") == 2.0


def test_progress_is_sent_without_the_model(publisher, outside, server, events):
    publisher.send_model(weights(3), progress(3))
    publisher.close()
    server.model = None
    publisher.send_progress(progress(9))
    publisher.close()
    assert outside.read_model(-1) is None and published(events) == [3]
    assert outside.read_progress() is not None


def test_model_is_sent_again_when_asked(publisher, outside, events):
    publisher.send_model(weights(3), progress(3))
    publisher.close()
    outside.clear()
    publisher.republish()
    publisher.close()
    assert outside.read_model(-1)[0] == 3 and published(events) == [3, 3]


def test_before_the_first_model_there_is_nothing_to_send_again(publisher, outside, events):
    publisher.republish()
    publisher.close()
    assert events.emitted == [] and outside.read_progress() is None


def test_model_that_could_not_be_sent_is_replaced_by_a_newer_one(publisher, outside, events):
    publisher.transport.away = True
    publisher.start()
    publisher.send_model(weights(1), progress(1))
    assert publisher.transport.refused.acquire(timeout=60)
    publisher.send_model(weights(2), progress(2))
    publisher.transport.away = False
    publisher.close()
    assert outside.read_model(-1)[0] == 2
    assert set(published(events)) == {2}


def test_error_that_ended_the_thread_is_raised_by_check(publisher, monkeypatch):
    failed = threading.Event()

    def fail(event, **arguments):
        failed.set()
        raise ZeroDivisionError

    publisher.start()
    with monkeypatch.context() as patch:
        patch.setattr(publisher._observers, "emit", fail)
        publisher.send_model(weights(1), progress(1))
        assert failed.wait(60)
        publisher._thread.join(60)
    with pytest.raises(ZeroDivisionError):
        publisher.check()
