"""Connections are bounded for each contributor in sum, and for those that give no password."""

import pytest

from soulsai_core.contributors.connections import Connection, OpenConnections
from soulsai_core.contributors.statistics import decode_statistics

MB = 2**20


def connections(count, age=1.0, command_bytes=0, words=100, size=1000, first=1):
    return [Connection(first + number, age, command_bytes, words, size) for number in range(count)]


@pytest.fixture
def look(inboxes, gate, clock):
    """(connections of bob, of strangers) -> the connections that a step of the gate cuts."""
    inboxes.invite("alice", "bob")
    there = gate(max_connections=8, max_connections_mb=10, max_message_mb=1)

    def step(bob=(), strangers=()):
        inboxes.open = OpenConnections({"bob": list(bob)}, list(strangers))
        inboxes.were_cut = []
        clock.now += 0.3
        there._step()
        return sorted(inboxes.were_cut)

    return step


def test_connections_within_all_limits_stay(look):
    assert look(connections(8, size=MB), connections(256, first=100)) == []


def test_newest_connections_beyond_the_number_are_cut(look, counted):
    assert look(connections(11)) == [9, 10, 11]
    assert counted == [("bob", "connections", 3)]


def test_largest_connections_are_cut_until_the_rest_is_within_the_sum(look):
    assert look([*connections(3, size=3 * MB), *connections(2, size=4 * MB, first=4)]) == [4, 5]


def test_command_that_is_larger_than_any_message_is_cut(look):
    assert look([*connections(2), *connections(1, command_bytes=2 * MB + 1, first=3)]) == [3]


def test_command_of_more_words_than_any_client_sends_is_cut_and_its_sender_suspended_at_once(look, inboxes):
    assert look([*connections(2), *connections(1, words=100_000, first=3)]) == [3]
    assert inboxes.suspended == {"bob"}


def test_contributor_whose_connections_are_cut_again_and_again_is_suspended(look, inboxes, statistics):
    for _ in range(2):
        look(connections(9))
    assert inboxes.suspended == set()
    look(connections(9))
    assert inboxes.suspended == {"bob"}
    assert decode_statistics(statistics.encode())["bob"].suspensions == 1


def test_contributor_who_was_invited_a_moment_ago_is_limited_at_the_first_look(inboxes, gate, clock):
    there = gate(max_connections=8)
    there._step()
    inboxes.invite("carol")
    inboxes.open = OpenConnections({"carol": connections(9)}, [])
    inboxes.were_cut = []
    clock.now += 0.3
    there._step()
    assert inboxes.were_cut == [9]


def test_strangers_are_cut_when_they_gave_no_password_in_time(look):
    assert look((), [*connections(2, age=11), *connections(2, age=9, first=3)]) == [1, 2]


def test_of_too_many_strangers_the_newest_stay(look):
    assert look((), connections(300)) == list(range(1, 45))


def test_contributor_whose_connections_take_far_too_much_is_suspended_at_once(look, inboxes):
    look(connections(8, size=1.5 * MB))
    assert inboxes.suspended == set()
    look(connections(8, size=2 * MB))
    assert inboxes.suspended == {"bob"}


def test_a_crowd_of_strangers_is_cut_at_once(look):
    assert look((), connections(1025)) == ["all strangers"]
