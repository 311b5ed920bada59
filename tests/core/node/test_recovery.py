"""Updates wait after an outage, until clients have sent what they made in it."""

import pytest

from soulsai_core.node.recovery import Recovery


@pytest.fixture
def recovery(clock):
    recovery = Recovery(clock)
    recovery.begin({"a", "b"})
    return recovery


def test_nothing_waits_before_the_first_outage_or_without_clients(clock):
    recovery = Recovery(clock)
    assert not recovery.lasts
    recovery.begin(())
    assert not recovery.lasts


def test_it_lasts_until_every_client_has_sent_what_waited(recovery):
    recovery.received("a", 30)
    recovery.received("b", 0)
    recovery.received("stranger", 10**9)
    assert recovery.lasts
    recovery.received("a", 0)
    assert not recovery.lasts


def test_client_that_is_not_heard_is_waited_for_only_briefly(recovery, clock):
    recovery.received("a", 0)
    assert recovery.lasts
    clock.now += 6
    assert not recovery.lasts


def test_client_that_sends_is_waited_for_longer_and_not_for_ever(recovery, clock):
    recovery.received("a", 10**9)
    clock.now += 6
    assert recovery.lasts
    clock.now += 60
    assert not recovery.lasts
