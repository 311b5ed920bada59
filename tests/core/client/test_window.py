"""What the node has not acknowledged: room for more rows, and what is sent again."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.client.window import Window
from soulsai_core.errors import TransportError
from soulsai_core.steps import End, StepBatch

CAPACITY = 100


def batch(rows, first=0):
    columns = {"reward": np.arange(first, first + rows, dtype=np.float32)}
    return StepBatch(np.array([[0, 0, rows, 0, 0, 0, End.TERMINATED]]), columns, {})


def make_window(clock, **options):
    window = Window(**{"limited": True, "capacity": CAPACITY, "clock": clock, **options})
    window.acknowledged("node", 0, window=10)
    return window


@pytest.fixture
def window(clock):
    return make_window(clock)


def add(window, *sizes):
    for rows in sizes:
        window.add(batch(rows))


def send(window, count=1000):
    """Send what may be sent; returns the numbers of the messages."""
    numbers = []
    while chunk := window.next_chunk(count, 2**20):
        numbers += [message.number for message in chunk.messages]
        window.sent(chunk)
    return numbers


# -- room


def test_rows_may_be_added_up_to_the_window(window):
    add(window, 6)
    assert window.has_room(4) and not window.has_room(5)


def test_step_larger_than_the_window_is_allowed_while_nothing_is_under_way(window):
    assert window.has_room(64)
    add(window, 64)
    assert not window.has_room(1) and send(window) == [1]


def test_acknowledged_messages_make_room(window):
    add(window, 3, 3, 3)
    assert not window.has_room(4)
    window.acknowledged("node", 2, window=10)
    assert window.has_room(7) and not window.has_room(8)


def test_window_has_the_size_that_the_node_sent(window):
    add(window, 5)
    window.acknowledged("node", 0, window=5)
    assert not window.has_room(1)
    window.acknowledged("node", 0, window=6)
    assert window.has_room(1)


def test_client_that_drops_always_has_room(clock):
    window = make_window(clock, limited=False)
    window.acknowledged("node", 0, window=1)
    add(window, 1000)
    assert window.has_room(1000)


def test_client_that_drops_gives_up_its_oldest_messages_and_counts_only_those_that_were_never_sent(clock):
    window = make_window(clock, limited=False, capacity=2)
    add(window, 5)
    send(window)
    add(window, 1, 2, 3)
    assert window.dropped == 1 and window.rows == 5
    assert send(window) == [3, 4]


def test_message_that_is_dropped_while_it_is_sent_counts_only_if_it_does_not_arrive(clock):
    window = make_window(clock, limited=False, capacity=2)
    add(window, 3, 1)
    arriving = window.next_chunk(1, 2**20)
    add(window, 1)  # drops the message under way
    assert window.dropped == 0
    window.sent(arriving)
    add(window, 1)
    assert window.dropped == 1
    assert [message.number for message in window.next_chunk(1, 2**20).messages] == [3]
    add(window, 1)
    window.connection_lost("uplink")
    window.next_chunk(1, 2**20)
    assert window.dropped == 2


def test_waiting_ends_when_there_is_room(window):
    add(window, 10)
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(window.wait_for_room(1, timeout=30)))
    waiter.start()
    window.acknowledged("node", 1, window=10)
    waiter.join(30)
    assert answers == [True]


# -- outages


def test_message_made_while_the_server_was_away_is_sent_in_pieces_that_fit_the_window(clock):
    """The node holds contributors to the window, and would never take in a larger one."""
    window = make_window(clock, step_rows=4)
    add(window, 5)
    assert send(window) == [1]
    window.connection_lost("uplink")
    add(window, 23, 3)
    window.connection_back("uplink")
    assert send(window) == [1]
    sent = []
    for number in range(1, 6):
        window.acknowledged("node", number, window=10)
        while chunk := window.next_chunk(1, 2**20):
            sent += [(message.number, len(message.batch)) for message in chunk.messages]
            window.sent(chunk)
    assert sent == [(2, 10), (3, 10), (4, 3), (5, 3)] and window.rows == 0


def test_message_that_may_have_arrived_is_sent_again_as_it_was_though_the_window_is_smaller_now(clock):
    """With other rows under its number, some would be learned from twice, and others never."""
    window = make_window(clock, step_rows=4)
    add(window, 10)
    window.next_chunk(1, 2**20)
    window.connection_lost("uplink")  # before the server's answer
    window.connection_back("uplink")
    window.acknowledged("another node", 0, window=5)
    again = window.next_chunk(1, 2**20)
    assert [(message.number, len(message.batch)) for message in again.messages] == [(1, 10)]


def test_time_step_of_many_environments_is_not_split(clock):
    window = make_window(clock, step_rows=64)
    add(window, 64)
    assert send(window) == [1] and window.rows == 64


def test_while_the_server_is_away_there_is_room_until_as_many_messages_wait_as_are_kept(clock):
    window = make_window(clock, capacity=3)
    window.connection_lost("uplink")
    add(window, 10, 10)
    assert window.away and window.has_room(1000) and not window.full
    add(window, 10)
    assert not window.has_room(1) and window.full
    window.connection_back("uplink")
    assert not window.away


def test_node_that_is_silent_counts_as_away_and_one_that_is_heard_does_not(window, clock):
    add(window, 10)
    clock.now += 5
    assert not window.has_room(1), "it may be busy"
    clock.now += 5
    assert window.has_room(1)
    window.heard()
    assert not window.has_room(1)


def test_what_waits_after_an_outage_is_sent_within_the_window(window):
    window.connection_lost("uplink")
    add(window, 6, 4, 6, 4)
    window.connection_back("uplink")
    assert send(window) == [1, 2]
    window.acknowledged("node", 1, window=10)
    assert send(window) == [3]
    window.acknowledged("node", 3, window=10)
    assert send(window) == [4]


def test_what_is_made_while_the_node_is_away_waits_in_the_server_unless_the_node_holds_the_client_to_the_window(clock):
    for direct, sent in ((True, [1, 2, 3]), (False, [1])):
        window = make_window(clock, direct=direct)
        add(window, 10)
        clock.now += 10
        add(window, 20, 20)
        assert send(window) == sent


def test_rows_kept_in_an_outage_that_are_no_message_yet_count_as_waiting_and_are_asked_for(window):
    returned = []
    window.connect(kept=lambda: 7, on_return=lambda: returned.append(True))
    window.connection_lost("uplink")
    add(window, 1)
    assert window.next_chunk(9, 2**20).waiting == 7 and not returned
    window.connection_back("uplink")
    assert returned == [True]


def test_chunk_says_how_many_rows_wait_behind_it(window):
    add(window, 2, 3, 4)
    assert [window.next_chunk(count, 2**20).waiting for count in (1, 2, 3)] == [7, 4, 0]


def test_chunks_have_a_bounded_number_of_messages_and_of_bytes(window):
    add(window, 2, 2, 2)
    assert len(window.next_chunk(2, 2**20).messages) == 2
    assert len(window.next_chunk(9, 9).messages) == 1, "one at least"


# -- sent again


def test_after_the_connection_was_lost_everything_unacknowledged_is_sent_again_in_order(window):
    add(window, 2, 2, 2)
    assert send(window) == [1, 2, 3]
    window.acknowledged("node", 1, window=10)
    window.connection_lost("uplink")
    add(window, 2)
    chunk = window.next_chunk(9, 2**20)
    assert ([m.number for m in chunk.messages], chunk.first, chunk.attempt) == ([2, 3, 4], 2, 1)


def test_messages_that_were_under_way_when_the_connection_broke_are_sent_again_though_they_may_have_arrived(window):
    add(window, 2)
    chunk = window.next_chunk(9, 2**20)
    window.connection_lost("uplink")  # before the first was ever sent: nothing to begin again
    window.sent(chunk)
    assert window.next_chunk(9, 2**20) is None
    window.connection_lost("uplink")
    window.sent(chunk)  # the answer of a call from before the loss
    assert [m.number for m in window.next_chunk(9, 2**20).messages] == [1]


def test_another_node_gets_what_the_old_one_had_not_acknowledged_and_no_more(window):
    add(window, 5, 5)
    send(window)
    window.acknowledged("another", 1, window=10)
    assert send(window) == [2] and window.has_room(5) and not window.has_room(6)


def test_node_that_resumed_from_further_back_gets_what_is_still_there(window):
    add(window, 3, 3, 3)
    send(window)
    window.acknowledged("node", 2, window=10)
    window.acknowledged("another", 1, window=10)
    chunk = window.next_chunk(9, 2**20)
    assert [m.number for m in chunk.messages] == [3] and chunk.first == 3, "it says that 2 will never come"


def test_refused_message_is_sent_again_once_for_each_refusal(window):
    add(window, 3, 3)
    send(window)
    window.acknowledged("node", 0, window=10, refused=0)
    assert send(window) == [1, 2]
    window.acknowledged("node", 0, window=10, refused=0)
    assert send(window) == [], "this is the refusal from before"


def test_repeated_refusals_are_answered_more_and_more_slowly_and_then_the_oldest_message_is_given_up(window, clock):
    add(window, 3, 4)
    send(window)
    waits = []
    for attempt in range(6):
        window.acknowledged("node", 0, window=10, refused=attempt)
        waits.append(0.0)
        while not (sent := send(window)):
            clock.now += 0.5
            waits[-1] += 0.5
            window.heard()
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0] and sent == [2]
    assert window.dropped == 3 and window.rows == 4


def test_messages_are_sent_again_if_the_node_sends_progress_and_never_acknowledges_them(window, clock):
    add(window, 10)
    send(window)
    clock.now += 10
    window.acknowledged("node", 0, window=10)
    assert send(window) == [], "it may still be on its way"
    clock.now += 1
    window.acknowledged("node", 0, window=10, busy=True)
    assert send(window) == [], "an update takes long"
    window.acknowledged("node", 0, window=10)
    assert send(window) == [1]


def test_node_whose_model_is_on_its_way_is_not_silent(window, clock):
    add(window, 10)
    with window.fetching():
        clock.now += 8
        assert not window.away and not window.has_room(1)
    assert not window.away
    clock.now += 8
    assert window.away


def test_node_is_silent_again_after_its_model_could_not_be_fetched(window, clock):
    with pytest.raises(TransportError), window.fetching():
        clock.now += 8
        raise TransportError("The server is gone.")
    assert window.away


def test_refusal_ends_the_wait_for_something_to_send(window):
    add(window, 6, 4)
    send(window)
    ended = threading.Event()
    waiter = threading.Thread(target=lambda: (window.wait_for_messages(lambda: False, timeout=60), ended.set()))
    waiter.start()
    window.acknowledged("node", 0, window=10, refused=0)
    assert ended.wait(30) and send(window) == [1, 2]
    waiter.join()


def test_patience_is_counted_from_the_last_acknowledgment(window, clock):
    add(window, 5, 5)
    send(window)
    clock.now += 8
    window.acknowledged("node", 1, window=10)
    clock.now += 8
    window.acknowledged("node", 1, window=10)
    assert send(window) == []


def test_old_message_is_not_sent_again_because_the_node_was_idle_before_it(window, clock):
    clock.now += 3600
    window.heard()
    add(window, 10)
    send(window)
    window.acknowledged("node", 0, window=10)
    assert send(window) == []


def test_leaving_client_waits_until_its_last_rows_are_taken_in_unless_the_node_is_away(window, clock):
    add(window, 1)
    assert not window.wait_until_acknowledged(0)
    window.acknowledged("node", 1, window=10)
    assert window.wait_until_acknowledged(0)
    add(window, 1)
    window.connection_lost("uplink")
    assert not window.wait_until_acknowledged(30), "at once"


@pytest.mark.parametrize(("direct", "sent"), [(True, [1, 2, 3]), (False, [1])])
def test_leaving_client_sends_what_is_beyond_the_window_only_where_nobody_holds_it_to_that(clock, direct, sent):
    window = make_window(clock, direct=direct)
    window.connection_lost("uplink")
    add(window, 10, 10, 10)
    window.connection_back("uplink")
    chunk = window.next_chunk(9, 2**20, last=True)
    assert [message.number for message in chunk.messages] == sent
    window.sent(chunk)
    assert window.unsent_rows == 30 - 10 * len(sent) and not window.wait_for_room_to_send(0)
    window.acknowledged("node", 1, window=10)
    assert window.wait_for_room_to_send(0) != direct


class Receiver:
    """A node that takes in messages in their order, each once, and may lose what it was sent."""

    def __init__(self):
        self.number = 0
        self.rows = []
        self.refused = None

    def receive(self, chunk):
        for message in chunk.messages:
            if message.number <= self.number:
                continue
            if max(self.number + 1, chunk.first) < message.number:
                self.refused = chunk.attempt
            else:
                self.number = message.number
                self.rows += message.batch.columns["reward"].tolist()
                self.refused = None

    def answer(self, window, size):
        window.heard()
        window.acknowledged("node", self.number, window=size, refused=self.refused)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_lost_on_its_way_each_row_is_taken_in_once_and_in_order(data):
    now = [0.0]
    window = Window(limited=True, capacity=CAPACITY, clock=lambda: now[0], step_rows=3)
    receiver = Receiver()
    made = 0
    events = ["make", "send", "lose", "fail", "arrive and fail", "break", "progress", "wait"]
    for event in data.draw(st.lists(st.sampled_from(events), min_size=10, max_size=60)):
        now[0] += 0.1
        if event == "make":
            # Longer messages are made while the node is away.
            rows = data.draw(st.sampled_from([1, 3, 12] if window.away else [1, 3]))
            if window.has_room(rows):
                window.add(batch(rows, made))
                made += rows
        elif event in ("send", "lose", "fail", "arrive and fail") and (chunk := window.next_chunk(2, 2**20)):
            if event in ("send", "arrive and fail"):
                receiver.receive(chunk)
            if event in ("send", "lose"):
                window.sent(chunk)
            else:
                window.connection_lost("uplink")
        elif event == "break":
            window.connection_lost("uplink")
            window.connection_back("uplink")
        elif event == "progress":
            window.connection_back("uplink")
            receiver.answer(window, data.draw(st.sampled_from([4, 8])))
        elif event == "wait":
            now[0] += 11
    window.connection_back("uplink")
    for _ in range(100):
        now[0] += 11
        while chunk := window.next_chunk(2, 2**20):
            window.sent(chunk)
            receiver.receive(chunk)
        receiver.answer(window, 5)
    assert receiver.rows == list(range(made)) and window.rows == 0 and window.dropped == 0
