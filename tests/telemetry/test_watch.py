"""How the training is at the moment."""

import pytest

from soulsai_core import ClientInfo, ClientStatus
from soulsai_telemetry.recorder import ClientRecord
from soulsai_telemetry.watch import Watch


class Clock:
    def __init__(self):
        self.now = 1.7e9

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def known():
    return {}


@pytest.fixture
def look(training, clock, known):
    watch = Watch(training.transport, known, clock, clock)

    def look(seconds=1.0, **changes):
        clock.now += seconds
        if changes:
            training.status(**changes)
        return watch.look()

    return look


def test_before_any_report_there_is_nothing(training, clock):
    training.transport.clear()
    assert Watch(training.transport, {}, clock, clock).look() is None


def test_a_node_that_reports_is_alive_and_one_that_stopped_reporting_is_not(look):
    assert look(elapsed=1.0).alive
    assert look(seconds=4.0).alive
    assert not look(seconds=4.0).alive
    assert look(elapsed=2.0).alive


def test_a_node_that_stops_is_not_alive(look):
    assert not look(elapsed=1.0, state="stopping").alive


def test_rates_are_per_second_and_zero_while_the_node_is_silent(look):
    look(elapsed=1.0, rejected={"stale": 10})
    vitals = look(seconds=2.0, elapsed=3.0, rejected={"stale": 14, "shape": 2})
    assert (vitals.admitted_per_second, vitals.rejected_per_second) == (50.0, 3.0)
    assert look(seconds=60.0).admitted_per_second == 0.0


def test_a_node_that_was_started_again_gives_no_negative_rate(look):
    look(elapsed=1.0, rejected={"stale": 1000})
    assert look(elapsed=0.5, rejected={}).rejected_per_second == 0.0


def test_a_client_is_shown_with_what_the_history_knows_of_it(look, known):
    known["client-1"] = ClientRecord(since=1.6e9)
    known["client-1"].returns.extend([1.0, 3.0])
    [line] = look(elapsed=1.0).clients
    assert (line.id, line.since, line.last_return, line.admitted, line.rejected) == (
        "client-1",
        1.6e9,
        2.0,
        990,
        {"stale": 10},
    )


def test_a_client_is_there_since_it_was_first_seen(look):
    first = look(elapsed=1.0).clients[0].since
    assert look(seconds=50.0, elapsed=2.0).clients[0].since == first


def test_its_last_sign_of_life_is_told_by_the_servers_clock(look, training):
    training.transport.heartbeat("client-1", b"{}")
    [line] = look(elapsed=1.0).clients
    assert 0 <= line.silent < 5


def test_a_lost_client_stays_in_sight_for_an_hour_behind_the_others(look):
    look(elapsed=1.0)
    other = ClientStatus(ClientInfo("client-2", "there"))
    here, lost = look(seconds=60.0, elapsed=2.0, clients=[other]).clients
    assert (here.id, lost.id, lost.silent, lost.steps_per_second) == ("client-2", "client-1", 60.0, 0.0)
    [remaining] = look(seconds=3600.0, elapsed=3.0, clients=[other]).clients
    assert remaining.id == "client-2"


def test_comings_and_goings_without_end_do_not_fill_the_page(look):
    for i in range(300):
        vitals = look(elapsed=float(i), clients=[ClientStatus(ClientInfo(f"c-{i}", "x"))])
    assert len(vitals.clients) == 200
