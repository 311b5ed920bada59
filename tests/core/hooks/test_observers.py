"""Observers receive events, each in a thread of its own. None disturbs the training or another observer."""

import logging
import threading

import pytest

from soulsai_core.errors import PluginError
from soulsai_core.hooks.hookspecs import hookimpl
from soulsai_core.hooks.observers import Observers


class Listener:
    """Notes the iterations published. It may wait for a gate at each event, and raise an error."""

    def __init__(self, *, gate=None, error=None):
        self.received, self.closed = [], False
        self.gate, self.error = gate, error
        self.inside = threading.Event()
        self.count = threading.Semaphore(0)

    @hookimpl
    def weights_published(self, iteration):
        self.inside.set()
        if self.gate is not None:
            self.gate.wait(60)
        self.received.append(iteration)
        self.count.release()
        if self.error is not None:
            raise self.error

    def close(self):
        self.closed = True


@pytest.fixture
def gate():
    """Holds an observer up until it is set, at the latest at the end of the test."""
    gate = threading.Event()
    yield gate
    gate.set()


def publish(observers, *iterations):
    for iteration in iterations:
        observers.emit("weights_published", iteration=iteration, size=1, seconds=0.0)


def test_events_are_received_in_order_and_the_observer_is_closed_after_the_last():
    observers, listener = Observers(), Listener()
    observers.register("listener", listener)
    publish(observers, *range(100))
    observers.close()
    assert listener.received == list(range(100)) and listener.closed


def test_observer_that_is_called_at_once_has_received_an_event_when_it_was_emitted(caplog):
    observers, counting, failing = Observers(), Listener(), Listener(error=ValueError("no disk"))
    observers.register("failing", failing, at_once=True)
    observers.register("counting", counting, at_once=True)
    publish(observers, 1, 2)
    assert counting.received == failing.received == [1, 2]
    assert "The connector 'failing' raised ValueError in weights_published: no disk" in caplog.text
    observers.close()
    assert counting.closed and failing.closed


def test_end_of_the_program_is_not_taken_for_an_error_of_an_observer_that_is_called_at_once():
    observers = Observers()
    observers.register("interrupted", Listener(error=KeyboardInterrupt()), at_once=True)
    with pytest.raises(KeyboardInterrupt):
        publish(observers, 1)


@pytest.mark.parametrize("error", [ValueError("no disk"), SystemExit(1), KeyboardInterrupt()])
def test_observer_that_raises_is_named_in_the_log_and_all_receive_further_events(caplog, error):
    observers, bad, good = Observers(), Listener(error=error), Listener()
    observers.register("bad one", bad)
    observers.register("good one", good)
    with caplog.at_level(logging.ERROR):
        publish(observers, 1, 2)
        observers.close()
    assert bad.received == good.received == [1, 2] and bad.closed and good.closed
    sentence = f"The connector 'bad one' raised {type(error).__name__} in weights_published: {error} "
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"{sentence}The training goes on.", f"{sentence}The training goes on. (2 times so far)"]
    assert [record.exc_info is not None for record in caplog.records] == [True, False]


def test_observer_that_raises_while_closing_is_named_in_the_log(caplog):
    class Leaky(Listener):
        def close(self):
            raise OSError("cannot close")

    observers = Observers()
    observers.register("leaky", Leaky())
    observers.close()
    assert "The connector 'leaky' raised OSError in close" in caplog.text and "cannot close" in caplog.text


def test_hanging_observer_delays_neither_the_others_nor_the_end(gate, caplog):
    observers, hanging, good = Observers(), Listener(gate=gate), Listener()
    observers.register("hanging", hanging)
    observers.register("good", good)
    publish(observers, 1, 2)
    assert hanging.inside.wait(30)
    observers.close(timeout=0.05)
    assert good.received == [1, 2] and good.closed
    assert "The connector 'hanging' did not finish in time" in caplog.text


def test_several_hanging_observers_share_one_time_out(gate, monkeypatch):
    observers = Observers()
    listeners = [Listener(gate=gate) for _ in range(4)]
    for number, listener in enumerate(listeners):
        observers.register(f"hanging {number}", listener)
    publish(observers, 1)
    assert all(listener.inside.wait(30) for listener in listeners)
    granted = []
    monkeypatch.setattr(threading.Thread, "join", lambda self, timeout=None: granted.append(timeout))
    observers.close(timeout=8.0)
    monkeypatch.undo()
    assert len(granted) == 4 and sum(granted) < 4 * 8.0 + 1e-9 and granted == sorted(granted, reverse=True)
    assert granted[-1] < 8.0, "the time that the first took is gone for the last"


def test_events_beyond_the_capacity_are_dropped_counted_and_named(gate, caplog):
    observers, hanging, good = Observers(capacity=3), Listener(gate=gate), Listener()
    observers.register("hanging", hanging)
    observers.register("good", good)
    publish(observers, 0)
    assert hanging.inside.wait(30) and good.inside.wait(30)
    publish(observers, 1, 2, 3)
    assert observers.dropped() == {}
    assert all(good.count.acquire(timeout=30) for _ in range(4))
    publish(observers, 4, 5)
    assert observers.dropped() == {"hanging": 2}
    assert "The connector 'hanging' is too slow: 2 events were dropped for it." in caplog.text
    gate.set()
    observers.close()
    assert good.received == [0, 1, 2, 3, 4, 5] and hanging.received[0] == 0 and hanging.closed


def test_warnings_about_a_slow_observer_grow_rare(gate, caplog):
    observers, hanging = Observers(capacity=1), Listener(gate=gate)
    observers.register("hanging", hanging)
    publish(observers, 0)
    assert hanging.inside.wait(30)
    publish(observers, *range(1, 1002))
    assert observers.dropped() == {"hanging": 1000}
    assert len([r for r in caplog.records if "too slow" in r.message]) == 10


def test_full_queue_makes_room_for_the_end(gate):
    observers, slow = Observers(capacity=2), Listener(gate=gate)
    observers.register("slow", slow)
    publish(observers, 0)
    assert slow.inside.wait(30)
    publish(observers, 1, 2)
    threading.Timer(0.05, gate.set).start()
    observers.close(timeout=30)
    assert slow.received == [0, 2] and slow.closed


def test_observer_gets_only_the_arguments_that_it_names():
    class Curious:
        @hookimpl
        def weights_published(self, seconds, iteration):
            self.received = (seconds, iteration)

    observers, curious = Observers(), Curious()
    observers.register("curious", curious)
    observers.emit("weights_published", iteration=3, size=99, seconds=0.5)
    observers.close()
    assert curious.received == (0.5, 3)


def test_methods_without_the_mark_are_not_called():
    class Unmarked:
        def weights_published(self, iteration):
            raise AssertionError("never called")

    observers = Observers()
    observers.register("unmarked", Unmarked())
    publish(observers, 1)
    observers.close()
    assert observers.dropped() == {}


def test_same_connector_may_be_there_twice():
    observers, first, second = Observers(), Listener(), Listener()
    observers.register("json_file", first)
    observers.register("json_file", second)
    publish(observers, 1)
    observers.close()
    assert first.received == second.received == [1]


def test_class_instead_of_an_instance_is_refused():
    with pytest.raises(PluginError, match="The connector 'mine' gave the class Listener; it must return an instance"):
        Observers().register("mine", Listener)


class Misspelt:
    @hookimpl
    def weight_published(self, iteration):
        """There is no such hook."""


class Greedy:
    @hookimpl
    def weights_published(self, loss):
        """There is no such argument."""


class Wrapping:
    @hookimpl(wrapper=True)
    def weights_published(self, iteration):
        yield


class OldWrapping:
    @hookimpl(hookwrapper=True)
    def weights_published(self, iteration):
        yield


@pytest.mark.parametrize(
    ("observer", "named"),
    [
        (Misspelt, r"there is no hook weight_published; did you mean weights_published\?"),
        (Greedy, "weights_published wants loss, and can have iteration, size, seconds"),
        (Wrapping, "it wants to wrap weights_published"),
        (OldWrapping, "it wants to wrap weights_published"),
    ],
)
def test_method_that_fits_no_event_is_refused_with_its_name(observer, named):
    with pytest.raises(PluginError, match=f"^The connector 'mine' does not fit the hooks: {named}"):
        Observers().register("mine", observer())
