"""The state of the training at the moment."""

from unittest.mock import Mock

import pytest
from clocks import Clock

from soulsai_core import AccessError, ClientInfo, ClientStatus
from soulsai_core.app import Contribution
from soulsai_telemetry.history.builder import ClientHistory
from soulsai_telemetry.status_reader import StatusReader


@pytest.fixture
def clock(training):
    clock = Clock(1.7e9)
    training.server.clock = clock
    return clock


@pytest.fixture
def histories():
    return {}


@pytest.fixture
def contributions():
    """Stands for what contributors gave."""
    return Mock(return_value={})


@pytest.fixture
def read(training, clock, histories, contributions):
    """Reads the status after some seconds, in which the training node may have written a new one."""
    reader = StatusReader(training.transport, histories, clock, clock, contributions)

    def read(seconds=1.0, **changes):
        clock.now += seconds
        if changes:
            training.write_status(**changes)
        return reader.read()

    return read


def test_before_the_first_report_there_is_no_status(training, clock):
    training.transport.clear()
    assert StatusReader(training.transport, {}, clock, clock).read() is None


def test_node_is_alive_while_its_reports_are_young(read):
    assert read(elapsed=1.0).alive
    assert read(seconds=4.0).alive
    assert not read(seconds=4.0).alive
    assert read(elapsed=2.0).alive


def test_judgement_is_that_of_the_core(read):
    assert read(elapsed=1.0, state="stopping").health.state == "stopping"
    ended = read(elapsed=1.0, state="ended", reason="the goal of 7 iterations is reached")
    assert ended.health.state == "finished" and not ended.alive
    assert read(seconds=60.0, elapsed=2.0, state="running", clients=[]).health.state == "waiting"


def test_rates_are_per_second_and_zero_while_the_node_is_silent(read):
    read(elapsed=1.0, rejected={"stale": 10})
    status = read(seconds=2.0, elapsed=3.0, rejected={"stale": 14, "shape": 2})
    assert (status.admitted_per_second, status.rejected_per_second) == (50.0, 3.0)
    assert read(seconds=60.0).admitted_per_second == 0.0


def test_restarted_node_gives_no_negative_rate(read):
    read(elapsed=1.0, rejected={"stale": 1000})
    assert read(elapsed=0.5, rejected={}).rejected_per_second == 0.0


def test_client_comes_with_its_history(read, histories):
    histories["client-1"] = ClientHistory(since=1.6e9)
    histories["client-1"].returns.extend([1.0, 3.0])
    [client] = read(elapsed=1.0).clients
    assert (client.id, client.since, client.last_return) == ("client-1", 1.6e9, 2.0)
    assert (client.admitted, client.rejected) == (990, {"stale": 10})


def test_client_without_history_is_there_since_it_was_first_seen(read):
    first = read(elapsed=1.0).clients[0].since
    assert read(seconds=50.0, elapsed=2.0).clients[0].since == first


def test_last_heartbeat_is_dated_by_the_servers_clock(read, training):
    now = [100.0]
    training.server.clock = lambda: now[0]
    training.transport.heartbeat("client-1", b"{}")
    now[0] += 3.0
    [client] = read(elapsed=1.0).clients
    assert client.silent == 3.0


def test_lost_client_is_listed_for_an_hour_behind_the_others(read):
    read(elapsed=1.0)
    other = ClientStatus(ClientInfo("client-2", "there"))
    present, lost = read(seconds=60.0, elapsed=2.0, clients=[other]).clients
    assert (present.id, lost.id, lost.silent, lost.steps_per_second) == ("client-2", "client-1", 60.0, 0.0)
    [remaining] = read(seconds=3600.0, elapsed=3.0, clients=[other]).clients
    assert remaining.id == "client-2"


def test_number_of_clients_is_bounded(read):
    for i in range(300):
        status = read(elapsed=float(i), clients=[ClientStatus(ClientInfo(f"c-{i}", "x"))])
    assert len(status.clients) == 200


def test_contributors_are_listed_with_what_they_gave_the_busiest_first(read, contributions):
    contributions.return_value = {
        "ann": Contribution(since=1.7e9, samples=10, client_seconds=60.0),
        "bob": Contribution(since=1.6e9, samples=20, episodes=3, returns=[1.0, 3.0], best=4.0, rejected={"stale": 5}),
    }
    clients = [ClientStatus(ClientInfo(f"bob@pc-{number}", "there")) for number in (1, 2)]
    bob, ann = read(clients=clients).contributors
    assert (bob.name, bob.since, bob.clients, bob.samples, bob.rejected) == ("bob", 1.6e9, 2, 20, 5)
    assert (bob.episodes, bob.mean_return, bob.best) == (3, 2.0, 4.0)
    assert (ann.name, ann.clients, ann.seconds, ann.mean_return) == ("ann", 0, 60.0, None)


def test_server_that_hides_contributors_hides_nothing_else_and_is_named_once(read, contributions, caplog):
    contributions.side_effect = AccessError("no permissions")
    assert read().contributors == () == read().contributors
    assert caplog.text.count("cannot be shown: no permissions") == 1
