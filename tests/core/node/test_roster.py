"""Which clients are present, judged by heartbeats; a lost one may join again."""

import pytest

from soulsai_core.messages import ClientInfo
from soulsai_core.node.roster import Roster

A, B = ClientInfo("a", "host-a"), ClientInfo("b", "host-b")


@pytest.fixture
def roster():
    return Roster(timeout=10.0)


def test_client_joins_with_its_first_heartbeat_only(roster):
    assert roster.update({"a": (0.0, A)}).joined == (A,)
    assert not roster.update({"a": (2.0, A)})
    assert roster.update({"a": (1.0, A), "b": (0.0, B)}).joined == (B,)


def test_client_is_lost_after_the_time_out_and_not_at_it(roster):
    roster.update({"a": (0.0, A)})
    assert not roster.update({"a": (10.0, A)})
    change = roster.update({"a": (10.1, A)})
    assert (change.joined, change.lost) == ((), (A,))
    assert roster.present == {}


def test_client_that_left_is_lost_at_once(roster):
    roster.update({"a": (0.0, A), "b": (0.0, B)})
    assert roster.update({"b": (0.0, B)}).lost == (A,)


def test_nobody_is_lost_while_heartbeats_are_missing_after_an_outage(roster):
    roster.update({"a": (0.0, A), "b": (0.0, B)})
    assert not roster.update({"b": (60.0, B)}, heartbeats_are_missing=True)
    assert roster.present == {"a": A, "b": B}
    leaving = ClientInfo("b", "host-b", leaving=True)
    assert roster.update({"a": (0.0, A), "b": (0.0, leaving)}, heartbeats_are_missing=True).lost == (leaving,)
    assert roster.update({"a": (10.1, A)}).lost == (A,)


def test_lost_client_joins_again(roster):
    for age in (0.0, 11.0):
        roster.update({"a": (age, A)})
    assert roster.update({"a": (0.5, A)}).joined == (A,)


def test_client_that_was_silent_all_the_time_never_joins(roster):
    assert not roster.update({"a": (3600.0, A)})


def test_newest_info_of_a_client_is_kept(roster):
    newer = ClientInfo("a", "host-a", env_steps=5)
    roster.update({"a": (0.0, A)})
    roster.update({"a": (0.0, newer)})
    assert roster.present == {"a": newer}


def test_new_client_gets_the_lowest_free_index_and_keeps_it(roster):
    seen = {name: (0.0, ClientInfo(name, "host")) for name in "abcd"}
    roster.update({name: seen[name] for name in "abc"})
    assert roster.indices == {"a": 0, "b": 1, "c": 2}
    roster.update({name: seen[name] for name in "ac"})
    roster.update({name: seen[name] for name in "dac"})
    assert roster.indices == {"a": 0, "c": 2, "d": 1}
    roster.update({name: seen[name] for name in "c"})
    assert roster.indices == {"c": 2}
