"""The node itself holds contributors to the window, and is never stricter than their clients are."""

import msgspec
import pytest

from soulsai_core.contributors.window import WindowLimit
from soulsai_core.messages import Progress
from soulsai_core.wire import Header


class Setting:
    """A limit, and the progress that it reads."""

    def __init__(self, clock):
        self.clock = clock
        self.progress = None
        self.limit = WindowLimit(4, 2, lambda: self.progress, clock)

    def publish(self, window=10, acked=None, node="n1", windows=None):
        progress = Progress("run", node, "running", 0, 0, window, acked or {}, windows=windows or {})
        self.progress = msgspec.msgpack.encode(progress)

    def send(self, *messages, client="bob@pc", delivered=True, attempt=0):
        """Read (number, rows) at once; the reasons for which they are rejected."""
        self.limit.begin()
        headers = [Header("run", client, number, rows, (), (), attempt=attempt) for number, rows in messages]
        reasons = [self.limit.reject(header) for header in headers]
        if delivered:
            self.limit.delivered()
        return reasons


@pytest.fixture
def there(clock):
    setting = Setting(clock)
    setting.publish()
    return setting


def test_rows_beyond_the_window_are_rejected_until_others_are_taken_in(there):
    assert there.send((1, 5), (2, 5), (3, 1)) == [None, None, "window"]
    assert there.send((4, 1)) == ["window"]
    there.publish(acked={"bob@pc": 1})
    assert there.send((5, 5), (6, 1)) == [None, "window"]


def test_clients_of_one_contributor_share_a_window_and_those_of_others_do_not(there):
    assert there.send((1, 6)) == [None]
    assert there.send((1, 6), client="bob@other") == ["window"]
    assert there.send((1, 4), client="bob@other") == [None]
    assert there.send((1, 10), client="eve@pc") == [None]
    there.publish(acked={"bob@pc": 1})
    assert there.send((2, 6), client="bob@other") == [None]


def test_clients_that_need_a_window_each_have_it_once_the_node_knows_them(there):
    """As in PPO, where each client makes its part of a round."""
    there.publish(windows={"bob@pc": 10, "bob@other": 10})
    assert there.send((1, 10)) == [None]
    assert there.send((1, 10), client="bob@other") == [None]
    assert there.send((1, 1), client="bob@third") == ["window"]


def test_many_names_give_no_more_than_the_time_steps_of_as_many_clients_as_are_allowed(there):
    there.publish(window=1)
    there.clock.now += 10
    there.send()
    reasons = [there.send((1, 4), client=f"bob@{number}")[0] for number in range(20)]
    assert reasons == [None, None, *["window"] * 18]


def test_rows_of_a_client_that_fell_silent_do_not_keep_its_contributor_out_for_ever(there):
    assert there.send((1, 10)) == [None]
    assert there.send((1, 10), client="bob@other") == ["window"]
    there.clock.now += 31
    there.publish(window=11)
    assert there.send((2, 10), client="bob@other") == [None]


def test_one_time_step_of_as_many_environments_as_are_allowed_fits_in_any_window(there):
    there.publish(window=1)
    there.clock.now += 10
    assert there.send((1, 4), (2, 1)) == [None, "window"]


def test_window_that_shrinks_holds_once_rows_that_were_on_their_way_have_arrived(there):
    there.send()
    there.publish(window=5)
    assert there.send((1, 5), (2, 5)) == [None, None]
    there.publish(window=5, acked={"bob@pc": 2})
    there.clock.now += 10
    there.send()
    there.publish(window=6, acked={"bob@pc": 2})
    assert there.send((3, 6), (4, 1)) == [None, "window"]


def test_message_that_was_delivered_is_not_delivered_again(there):
    assert there.send((1, 2), (1, 2), (2, 2)) == [None, "repeated", None]
    there.publish(acked={"bob@pc": 2})
    assert there.send((2, 2), (1, 1), (3, 1)) == ["repeated", "repeated", None]


def test_messages_whose_delivery_failed_are_accepted_when_they_are_read_again(there):
    assert there.send((1, 5), (2, 5), delivered=False) == [None, None]
    assert there.send((1, 5), (2, 5), (3, 1)) == [None, None, "window"]


def test_rows_that_were_lost_with_a_node_or_server_are_forgotten(there):
    there.send((1, 10))
    there.publish(node="n2")
    assert there.send((2, 10)) == [None]


def test_before_the_first_progress_nothing_is_rejected(clock):
    assert Setting(clock).send((1, 100)) == [None]


def test_client_that_begins_again_may_send_what_was_delivered_before_and_takes_no_more_room(there):
    assert there.send((1, 5), (2, 5)) == [None, None]
    there.clock.now += 1
    assert there.send((1, 5), (2, 5), attempt=1) == [None, None], "the server may have lost it"
    assert there.send((3, 1), attempt=1) == ["window"]
    there.publish(acked={"bob@pc": 1})
    assert there.send((3, 5), (4, 1), attempt=1) == [None, "window"]


def test_client_that_begins_again_all_the_time_is_held_to_the_window(there):
    there.send((1, 5), (2, 5))
    there.clock.now += 1
    assert there.send((1, 5), attempt=1) == [None]
    assert there.send((1, 5), attempt=2) == ["repeated"]
    there.clock.now += 1
    assert there.send((1, 5), attempt=3) == [None]
