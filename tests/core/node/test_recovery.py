"""Updates wait after an outage, until clients have sent what they made in it."""

import pytest

from soulsai_core.node.recovery import Recovery


@pytest.fixture
def recovery(clock):
    recovery = Recovery(clock)
    recovery.begin({"a", "b"}, "n1")
    return recovery


def test_nothing_waits_before_the_first_outage_or_without_clients(clock):
    recovery = Recovery(clock)
    assert not recovery.lasts
    recovery.begin((), "n1")
    assert not recovery.lasts


def test_it_lasts_until_every_client_has_sent_what_waited(recovery):
    recovery.received("a", 30, "n1")
    recovery.received("b", 0, "n1")
    recovery.received("stranger", 10**9, "n1")
    assert recovery.lasts
    recovery.received("a", 0, "n1")
    assert not recovery.lasts


def test_client_that_is_not_heard_is_waited_for_only_briefly(recovery, clock):
    recovery.received("a", 0, "n1")
    assert recovery.lasts
    clock.now += 6
    assert not recovery.lasts


def test_client_that_sends_is_waited_for_longer_and_not_for_ever(recovery, clock):
    for _ in range(15):
        recovery.received("a", 10**9, "n1")
        clock.now += 4
        assert recovery.lasts
    clock.now += 1
    assert not recovery.lasts


def test_client_that_falls_silent_while_it_sends_is_not_waited_for(recovery, clock):
    """It was killed, or its invitation was revoked."""
    recovery.received("b", 0, "n1")
    recovery.received("a", 100, "n1")
    clock.now += 4
    recovery.received("a", 50, "n1")
    clock.now += 4
    assert recovery.lasts
    clock.now += 2
    assert not recovery.lasts


def test_messages_from_before_the_end_of_the_outage_tell_nothing(recovery, clock):
    recovery.received("a", 0, "n0")
    recovery.received("b", 0, "")
    assert recovery.lasts
    clock.now += 6
    assert not recovery.lasts, "they do not count as heard either"
