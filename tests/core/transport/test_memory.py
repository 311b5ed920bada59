"""The transport in memory fulfills the contract, with the clock of its server."""

import pytest

from soulsai_core.testing.transport import TransportContract
from soulsai_core.transport.memory import MemoryServer, MemoryTransport


class TestMemoryTransport(TransportContract):
    @pytest.fixture
    def open_transport(self):
        server = MemoryServer()
        return lambda limits: MemoryTransport(server, limits)


def test_ages_on_the_roster_are_measured_by_the_given_clock():
    now = 100.0
    transport = MemoryTransport(MemoryServer(clock=lambda: now))
    transport.heartbeat("early", b"")
    now = 130.0
    transport.heartbeat("late", b"")
    now = 131.5
    assert transport.roster() == {"early": (31.5, b""), "late": (1.5, b"")}


def test_transport_without_a_server_makes_its_own():
    first, second = MemoryTransport(), MemoryTransport()
    first.announce(b"mine")
    assert second.read_config() is None


def test_heartbeat_from_before_the_servers_clock_was_set_back_grows_old(clock):
    transport = MemoryTransport(MemoryServer(clock))
    clock.now = 5000.0
    transport.heartbeat("gone", b"")
    clock.now = 1000.0
    transport.heartbeat("here", b"")
    ages = {client: age for client, (age, _) in transport.roster().items()}
    assert ages == {"gone": 4000.0, "here": 0.0}, "not young until the clock is where it was"
