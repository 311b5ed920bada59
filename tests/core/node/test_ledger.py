"""Counts by client, and their totals."""

from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.node.ledger import Ledger


def test_rows_are_counted_by_client_and_in_total():
    ledger = Ledger()
    ledger.add("a", 1, 5, {})
    ledger.add("b", 1, 3, {"stale": 2})
    ledger.add("a", 2, 0, {"stale": 1, "future": 1})
    assert (ledger.admitted, ledger.rejected) == (8, {"stale": 3, "future": 1})
    assert (ledger.counts["a"].admitted, ledger.counts["a"].rejected) == (5, {"stale": 1, "future": 1})
    assert (ledger.counts["b"].admitted, ledger.counts["b"].rejected) == (3, {"stale": 2})


def test_message_with_a_number_that_was_received_is_a_repeat():
    ledger = Ledger()
    assert not ledger.is_repeat("a", 1)
    ledger.add("a", 3, 1, {})
    assert [ledger.is_repeat("a", number) for number in (2, 3, 4)] == [True, True, False]
    assert not ledger.is_repeat("b", 3)


def test_message_is_early_while_one_before_it_may_still_come():
    ledger = Ledger()
    assert not ledger.is_early("a", 7, first=7, attempt=0)
    ledger.add("a", 7, 1, {})
    assert ledger.is_early("a", 9, first=6, attempt=2) and ledger.refused() == {"a": 2}
    assert not ledger.is_early("a", 9, first=9, attempt=2), "8 was given up"
    assert not ledger.is_early("a", 9, first=0, attempt=2), "the sender keeps nothing"
    ledger.add("a", 8, 1, {})
    assert ledger.refused() == {} and not ledger.is_early("a", 9, first=6, attempt=2)


def test_first_message_of_a_client_is_early_while_older_ones_may_still_come():
    """A server that was killed may have forgotten those."""
    ledger = Ledger(max_clients=1)
    assert ledger.is_early("a", 7, first=3, attempt=2) and ledger.refused() == {"a": 2}
    assert not ledger.is_early("a", 3, first=3, attempt=3)
    assert not ledger.is_early("b", 7, first=3, attempt=1), "there is no room to remember that it was refused"
    assert list(ledger.counts) == ["a"]


def test_unreadable_messages_without_a_sender_are_counted_as_unknown():
    ledger = Ledger()
    ledger.add("", None, 0, {"checksum": 1})
    assert ledger.counts["unknown"].rejected == {"checksum": 1}
    assert ledger.acked() == {}, "there is no client to acknowledge them to"


def test_acknowledged_is_what_was_received_and_is_in_the_journal():
    ledger = Ledger()
    ledger.add("a", 2, 1, {})
    ledger.add("b", 9, 0, {"stale": 1})
    ledger.add("a", None, 0, {"dtype": 1})
    assert ledger.numbers() == {"a": 2, "b": 9} and ledger.acked() == {}
    ledger.acknowledge("a", 1)
    ledger.acknowledge("a", None)
    ledger.acknowledge("gone", 5)
    assert ledger.acked() == {"a": 1}


def test_number_of_an_earlier_process_is_recognized_and_acknowledged():
    ledger = Ledger()
    ledger.restore("a", 4)
    assert ledger.is_repeat("a", 4) and not ledger.is_repeat("a", 5) and ledger.acked() == {"a": 4}


def test_counts_of_the_client_silent_for_longest_are_dropped_beyond_the_limit_and_the_totals_stay():
    ledger = Ledger(max_clients=2)
    assert ledger.add("a", 1, 1, {}) is None
    assert ledger.add("b", 1, 1, {}) is None
    assert ledger.add("a", 2, 1, {}) is None
    assert ledger.add("c", 1, 1, {}) == "b"
    assert set(ledger.counts) == {"a", "c"}
    assert ledger.admitted == 4


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)), max_size=20))
def test_number_of_clients_stays_bounded_and_nothing_is_lost_from_the_totals(messages):
    ledger = Ledger(max_clients=3)
    for client, admitted, stale in messages:
        ledger.add(str(client), 1, admitted, {"stale": stale})
    assert len(ledger.counts) <= 3
    assert ledger.admitted == sum(m[1] for m in messages)
    assert ledger.rejected.total() == sum(m[2] for m in messages)


def test_places_are_by_admitted_rows_of_those_that_are_present():
    ledger = Ledger()
    for client, rows in (("a", 3), ("b", 9), ("gone", 100)):
        ledger.add(client, 1, rows, {})
    assert ledger.places(["a", "b", "new"]) == {"b": 1, "a": 2, "new": 3}
