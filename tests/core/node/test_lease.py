"""Two nodes never train one run on one server."""

import pytest

from soulsai_core.errors import SoulsAIError
from soulsai_core.node import lease as leases
from soulsai_core.node.lease import LEASE_SECONDS, PATIENCE_SECONDS, Lease
from soulsai_core.node.state import RunState
from soulsai_core.transport.memory import MemoryServer, MemoryTransport


class Time:
    """A clock that only `pause` moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def make(time):
    server = MemoryServer(time)
    return lambda run_id, state=None: Lease(MemoryTransport(server), run_id, state or RunState(), time)


def test_lease_of_a_node_that_was_killed_lapses_and_is_taken(make, time):
    make("a").take(time.pause)
    begun = time()
    make("b").take(time.pause)
    assert LEASE_SECONDS <= time() - begun < PATIENCE_SECONDS


def test_running_node_is_named_after_ten_seconds(make, time):
    first = make("a")
    first.take(time.pause)

    def pause(seconds):
        time.pause(seconds)
        first.renew()

    begun = time()
    state = RunState()
    with pytest.raises(
        SoulsAIError,
        match=r"training node \(process \d+ on .+, run a\) already trains .* reported 0\.0 s ago: stop it, or choose",
    ):
        make("b", state).take(pause)
    assert state.replaced and PATIENCE_SECONDS <= time() - begun < PATIENCE_SECONDS + 1


def test_who_holds_the_same_folder_takes_over_at_once_and_the_other_stops(make, time):
    state = RunState()
    first = make("a", state)
    first.take(time.pause)
    begun = time()
    make("a").take(time.pause)
    assert time() == begun
    assert not first.renew() and not first.renew()
    assert state.replaced and "has taken over the run.name" in state.stop_reason


def test_released_lease_is_free_at_once_and_that_of_others_is_not_released(make, time):
    first = make("a")
    first.take(time.pause)
    make("b").release()
    assert first.renew()
    first.release()
    begun = time()
    make("b").take(time.pause)
    assert time() == begun


def test_second_node_leaves_the_server_to_the_first(make_harness, monkeypatch):
    monkeypatch.setattr(leases, "PATIENCE_SECONDS", 0.0)
    first = make_harness().start()
    second = make_harness()
    with pytest.raises(SoulsAIError, match="already trains on this server"):
        second.node.run()
    assert first.progress().run_id == first.folder.name and first.progress().state == "running"
    assert not (second.folder.path / "config.json").exists()
    first.make_iterations(1)
    assert first.stop() == "the test is over"


def test_node_that_was_replaced_saves_and_writes_nothing_more_to_the_server(make_harness):
    first = make_harness().start()
    first.make_iterations(1)
    second = make_harness(folder=first.folder).start()
    with pytest.raises(SoulsAIError, match=r"has taken over the run\.name on this server\. Its model is saved"):
        first.join()
    assert (first.folder.checkpoint / "manifest.json").exists()
    assert second.progress().state == "running" and second.progress().iteration == 0
