"""Back-pressure: rows under way against the node's window."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.client.window import Window


@pytest.fixture
def window(clock):
    window = Window(limited=True, clock=clock, patience=10.0)
    window.acknowledged("node", 0, window=10)
    return window


def test_rows_may_be_under_way_up_to_the_window(window):
    window.sent(1, 6)
    assert window.has_room(4) and not window.has_room(5)


def test_step_larger_than_the_window_is_allowed_while_nothing_is_under_way(window):
    assert window.has_room(64)
    window.sent(1, 64)
    assert not window.has_room(1)


def test_acknowledged_messages_make_room(window):
    for number in (1, 2, 3):
        window.sent(number, 3)
    assert not window.has_room(4)
    window.acknowledged("node", 2, window=10)
    assert window.has_room(7) and not window.has_room(8)


def test_window_has_the_size_that_the_node_sent(window):
    window.sent(1, 5)
    window.acknowledged("node", 0, window=5)
    assert not window.has_room(1)
    window.acknowledged("node", 0, window=6)
    assert window.has_room(1)


def test_new_node_forgets_what_was_sent_to_the_old_one(window):
    window.sent(1, 10)
    window.acknowledged("another", 0, window=10)
    assert window.has_room(10)


def test_reset_forgets_everything(window):
    window.sent(1, 10)
    window.reset()
    assert window.has_room(10)


def test_client_that_drops_always_has_room(clock):
    window = Window(limited=False, clock=clock)
    window.acknowledged("node", 0, window=1)
    window.sent(1, 1000)
    assert window.has_room(1000)


def test_message_is_lost_if_the_node_sends_progress_and_never_acknowledges_it(window, clock):
    window.sent(1, 10)
    clock.now += 10
    window.acknowledged("node", 0, window=10)
    assert not window.has_room(1), "it may still be on its way"
    clock.now += 1
    window.acknowledged("node", 0, window=10)
    assert window.has_room(10)


def test_patience_is_counted_from_the_last_acknowledgement(window, clock):
    window.sent(1, 5)
    window.sent(2, 5)
    clock.now += 8
    window.acknowledged("node", 1, window=10)
    clock.now += 8
    window.acknowledged("node", 1, window=10)
    assert not window.has_room(6)


def test_no_message_counts_as_lost_while_the_node_is_silent(window, clock):
    window.sent(1, 10)
    clock.now += 3600
    assert not window.has_room(1) and not window.wait_for_room(1, timeout=0)


def test_old_message_is_not_lost_because_the_node_was_idle_before_it(window, clock):
    clock.now += 3600
    window.sent(1, 10)
    window.acknowledged("node", 0, window=10)
    assert not window.has_room(1)


def test_waiting_ends_when_there_is_room(window):
    window.sent(1, 10)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(window.wait_for_room(1, timeout=30)))
    waiter.start()
    window.acknowledged("node", 1, window=10)
    waiter.join(30)
    assert answers == [True]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 20), max_size=30), st.data())
def test_rows_under_way_are_those_sent_and_not_acknowledged(sizes, data):
    window = Window(limited=True, clock=lambda: 0.0)
    acked = 0
    for number, rows in enumerate(sizes, start=1):
        window.sent(number, rows)
        acked = data.draw(st.integers(acked, number))
        window.acknowledged("", acked, window=50)
        under_way = sum(sizes[acked:number])
        room = max(50 - under_way, 0)
        assert under_way == 0 or (window.has_room(room) == (under_way <= 50) and not window.has_room(room + 1))
