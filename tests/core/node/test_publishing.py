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
def thread(server, clock, events, flaky):
    transport = flaky(MemoryTransport(server))
    thread = PublishingThread(transport, events, NodeMetrics(), clock, random.Random(0))
    thread.transport = transport
    yield thread
    transport.away = False
    thread.close()


def test_newest_model_is_sent_and_older_ones_are_skipped(thread, outside, events):
    for iteration in range(5):
        thread.send_model(weights(iteration), progress(iteration))
    thread.start()
    thread.close()
    iteration, payload = outside.read_model(-1)
    assert decode_weights(iteration, payload).arrays["w"].tolist() == [4.0, 4.0]
    assert published(events) == [4]


def test_size_and_time_since_the_model_was_given_are_reported(thread, clock, outside, events):
    thread.send_model(weights(3), progress(3))
    clock.now += 2.0
    thread.close()
    size = len(outside.read_model(-1)[1])
    assert events.emitted == [("weights_published", {"iteration": 3, "size": size, "seconds": 2.0})]
    assert thread._metrics.registry.get_sample_value("soulsai_publish_seconds_sum") == 2.0


def test_progress_is_sent_without_the_model(thread, outside, server, events):
    thread.send_model(weights(3), progress(3))
    thread.close()
    server.model = None
    thread.send_progress(progress(9))
    thread.close()
    assert outside.read_model(-1) is None and published(events) == [3]
    assert outside.read_progress() is not None


def test_model_is_sent_again_when_asked(thread, outside, events):
    thread.send_model(weights(3), progress(3))
    thread.close()
    outside.clear()
    thread.republish()
    thread.close()
    assert outside.read_model(-1)[0] == 3 and published(events) == [3, 3]


def test_before_the_first_model_there_is_nothing_to_send_again(thread, outside, events):
    thread.republish()
    thread.close()
    assert events.emitted == [] and outside.read_progress() is None


def test_model_that_could_not_be_sent_is_replaced_by_a_newer_one(thread, outside, events):
    thread.transport.away = True
    thread.start()
    thread.send_model(weights(1), progress(1))
    assert thread.transport.refused.acquire(timeout=60)
    thread.send_model(weights(2), progress(2))
    thread.transport.away = False
    thread.close()
    assert outside.read_model(-1)[0] == 2
    assert set(published(events)) == {2}


def test_error_that_ended_the_thread_is_raised_by_check(thread, monkeypatch):
    failed = threading.Event()

    def fail(event, **arguments):
        failed.set()
        raise ZeroDivisionError

    thread.start()
    with monkeypatch.context() as patch:
        patch.setattr(thread._observers, "emit", fail)
        thread.send_model(weights(1), progress(1))
        assert failed.wait(60)
        thread._thread.join(60)
    with pytest.raises(ZeroDivisionError):
        thread.check()
