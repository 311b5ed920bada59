"""The client and the node's window: no row is lost, repeated or out of order, and none is made beyond the window."""

import threading

import numpy as np
import pytest
from waiting import wait_for

from soulsai_core.errors import AccessError
from soulsai_core.steps import ROWS, Closed

PATIENCE = 60  # seconds


def pause_after(actor, steps):
    """The actor pauses before it acts again after this many steps; returns the events (reached, go_on)."""
    reached = threading.Event()
    go_on = threading.Event()

    def before_step(actor):
        if actor.step == steps:
            reached.set()
            go_on.wait(PATIENCE)

    actor.before_step = before_step
    return reached, go_on


def publish_during_step(client_thread, node, actor, steps):
    """Start a client with model 0. After this many steps it acts again only when model 1 has reached it."""
    reached, go_on = pause_after(actor, steps)
    node.publish(0)
    thread = client_thread().start()
    assert reached.wait(PATIENCE)
    node.publish(1)
    assert thread.client._downlink.wait_newer(0, PATIENCE)
    go_on.set()


def test_client_waits_for_the_first_model(client_thread, node, actor):
    thread = client_thread().start()
    node.publish(0)
    node.receive(1)
    assert actor.loaded == [0]
    assert thread.stop() == "the test is over"


def test_client_never_has_more_rows_under_way_than_the_window_allows(client_thread, node):
    node.window = 20
    node.publish(0)
    thread = client_thread().start()
    total = 0
    for _ in range(6):
        total += sum(len(message.steps) for message in node.receive(20))
        assert total % 20 == 0
        thread.assert_waits_for_room(total)
        assert not node.waiting()
        node.acknowledge()
    assert node.steps(node.messages) == list(range(1, 121))


def test_acknowledged_part_of_the_window_may_be_used_again(client_thread, node):
    node.window = 20
    node.publish(0)
    thread = client_thread().start()
    messages = node.receive(20)
    assert [len(message.steps) for message in messages] == [10, 10], "half of the window each"
    node.acknowledge(number=1)
    node.receive(10)
    thread.stop()
    assert thread.client.env_steps == 30


def test_client_that_drops_goes_on_beyond_the_window(client_thread, node):
    node.window = 4
    node.publish(0)
    thread = client_thread(backpressure="drop").start()
    node.receive(100)
    assert thread.client.env_steps >= 100


def test_pending_rows_are_sent_before_newer_weights_are_used(client_thread, node, actor):
    node.window = 4000
    publish_during_step(client_thread, node, actor, steps=7)
    first, *others = node.receive(9)
    assert node.steps([first]) == list(range(1, 9)), "all rows of the old model, at once"
    assert set(node.iterations([first])) == {0}
    assert set(node.iterations(others)) == {1}
    assert actor.loaded == [0, 1]


def test_actor_learns_the_index_of_its_client_once_with_the_weights_that_follow(client_thread, node, actor):
    node.window = 4000
    reached, go_on = pause_after(actor, 7)
    node.publish(0)
    thread = client_thread().start()
    assert reached.wait(PATIENCE)
    assert actor.indices == []
    node.client_indices = {"another": 0, "pc": 3}
    node.publish(1)
    assert thread.client._downlink.wait_newer(0, PATIENCE)
    go_on.set()
    node.receive(20)
    assert actor.indices == [3]


def test_rows_are_grouped_by_count_at_most(client_thread, node):
    node.window = 100_000
    node.publish(0)
    client_thread(max_message_rows=16).start()
    assert {len(message.steps) for message in node.receive(160)} == {16}


def test_client_that_waits_drops_nothing_though_the_window_is_wider_than_its_buffer(client_thread, node, flaky):
    node.window = 1_000_000
    node.publish(0)
    thread = client_thread(max_message_rows=2, buffer_messages=5).start()
    for _ in range(5):
        node.receive(10)
        node.acknowledge()
    flaky.away = True
    for _ in range(4):
        assert flaky.refused.acquire(timeout=PATIENCE)
    flaky.away = False
    for _ in range(5):
        node.receive(2)
        node.acknowledge()
    thread.stop()
    assert node.all_steps() == list(range(1, thread.client.env_steps + 1))
    assert thread.client._window.dropped == 0


def test_client_that_drops_counts_what_it_drops_while_the_server_is_away(client_thread, node, flaky, actor):
    node.publish(0)
    thread = client_thread(max_message_rows=2, buffer_messages=5, backpressure="drop").start()
    node.receive(10)
    flaky.away = True
    step = actor.step
    many = threading.Event()
    actor.before_step = lambda actor: actor.step > step + 200 and many.set()
    assert many.wait(PATIENCE)
    flaky.away = False
    node.receive(100)
    thread.stop()
    arrived = node.all_steps()
    assert arrived == sorted(set(arrived)), "none is repeated or out of order"
    assert thread.client._window.dropped == thread.client.env_steps - len(arrived) > 0


def test_rows_are_grouped_by_size_at_most(client_thread, node):
    node.window = 100_000
    node.publish(0)
    client_thread(max_message_rows=10_000, max_message_mb=1_000 / 2**20).start()
    messages = node.receive(70)
    assert {len(message.steps) for message in messages} == {10}, "with a segment and an `after` each has 98 bytes"
    assert node.steps(messages)[:70] == list(range(1, 71))


def test_steps_of_many_environments_are_sent_as_messages_of_bounded_size(client_thread, node, scripted):
    node.window = 100_000
    node.publish(0)
    client_thread(lambda: scripted(num_envs=16, lengths=(50,)), max_message_rows=10).start()
    messages = node.receive(16 * 4)
    assert [len(message.steps) for message in messages][:8] == [10, 6] * 4


def test_message_of_many_environments_has_several_steps_of_each(client_thread, node, scripted):
    node.window = 4 * 64
    node.publish(0)
    client_thread(lambda: scripted(num_envs=16, lengths=(50,))).start()
    first = node.receive(128)[0]
    assert len(first.steps) == 128 and set(first.steps.segments[:, ROWS]) == {8}


def test_rows_do_not_wait_longer_than_the_settings_say(client_thread, node, actor, clock):
    def pass_time(actor):
        if actor.step < 28:  # then it stands still: the node must not count as away, however late the uplink sends
            clock.now += 0.2

    actor.before_step = pass_time
    node.window = 100_000
    node.publish(0)
    client_thread(max_message_age_s=0.5).start()
    assert [len(message.steps) for message in node.receive(28)][:7] == [4] * 7


def test_messages_become_longer_with_the_time_for_which_the_node_is_away(client_thread, node, actor, clock):
    """A client that is killed meanwhile loses what it has not sent, which is a small part of that time."""

    def pass_time(actor):
        clock.now += 0.2

    actor.before_step = pass_time
    node.window = 100_000
    node.publish(0)
    client_thread(max_message_age_s=0.5).start()
    begun = 0
    for size in [len(message.steps) for message in node.receive(2000)]:
        assert size <= 4 or 0.2 * (size - 2) <= min(0.2 * begun / 20, 10.0) + 0.1, begun
        begun += size
    assert size > 40, "few of them in a long outage"


def test_client_closes_its_quota_and_waits_for_newer_weights(client_thread, node):
    node.quota = 10
    node.window = 100_000
    node.publish(0)
    thread = client_thread(max_message_rows=4).start()
    for iteration in range(1, 4):
        messages = node.receive(10)
        assert [len(message.steps) for message in messages] == [4, 4, 2]
        assert set(node.iterations(messages)) == {iteration - 1}
        assert [message.steps.closed for message in messages] == [None, None, Closed(iteration - 1, 10)]
        assert thread.client.env_steps == 10 * iteration, "it goes on without newer weights"
        node.publish(iteration)
    thread.stop()


def test_quota_is_closed_although_newer_weights_are_there_already(client_thread, node, actor):
    node.quota = 5
    node.window = 100_000
    publish_during_step(client_thread, node, actor, steps=4)
    assert [message.steps.closed for message in node.receive(10)] == [Closed(0, 5), Closed(1, 5)]


def test_rows_that_do_not_fit_are_not_sent_and_counted(client_thread, node, scripted, caplog):
    environment = scripted(lengths=(5,))
    step = environment.step
    count = [0]

    def step_with_some_nan(actions):
        count[0] += 1
        after = step(actions)
        if count[0] in (3, 7):
            after.rewards[:] = np.nan
        return after

    environment.step = step_with_some_nan
    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: environment, max_message_rows=10).start()
    assert node.steps(node.receive(8))[:8] == [1, 2, 4, 5, 6, 8, 9, 10]
    thread.stop()
    assert thread.client._info().left_out == 2
    assert caplog.text.count("Rows whose reward does not fit are not learned from: in environment 0 it has nan") == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_rows_of_single_and_vector_environments_count_as_steps(client_thread, node, scripted, rows):
    node.window = 12
    node.publish(0)
    thread = client_thread(lambda: scripted(num_envs=rows, lengths=(4,))).start()
    assert sum(len(message.steps) for message in node.receive(12)) == 12
    thread.stop()
    assert thread.client.env_steps == 12


def test_resets_of_vector_environments_are_no_steps(client_thread, node, scripted):
    node.window = 12
    node.publish(0)
    thread = client_thread(lambda: scripted(num_envs=2, lengths=(2,), next_step=True)).start()
    node.receive(12)
    thread.stop()
    assert thread.client.env_steps == 12 < thread.actor.step


def test_server_away_and_back_loses_nothing_and_keeps_the_order(client_thread, node, flaky):
    node.window = 20
    node.publish(0)
    thread = client_thread().start()
    node.receive(20)
    flaky.away = True
    for _ in range(4):
        assert flaky.refused.acquire(timeout=PATIENCE)
    flaky.away = False
    for _ in range(3):
        node.acknowledge()
        node.receive(20)
    thread.stop()
    assert node.all_steps() == list(range(1, thread.client.env_steps + 1)) and thread.client.env_steps >= 80
    assert thread.client._window.dropped == 0


def test_client_plays_on_while_the_server_is_away_and_waits_once_it_keeps_as_much_as_it_may(
    client_thread, node, flaky, caplog
):
    node.window = 8
    node.publish(0)
    thread = client_thread(max_message_rows=10, buffer_messages=6).start()
    node.receive(8)
    flaky.away = True
    wait_for("a full backlog", lambda: thread.client._window.full)
    wait_for("a sentence on it", lambda: "No more steps can be kept" in caplog.text)
    assert thread.client._info().backlog == thread.client._window.rows >= 48
    flaky.away = False
    while thread.client._window.full:
        node.acknowledge()
        node.receive(1)
    thread.stop()
    assert node.all_steps() == list(range(1, thread.client.env_steps + 1))


def test_messages_lost_in_the_server_are_sent_again(client_thread, node, clock):
    node.window = 8
    node.publish(0)
    client_thread().start()
    lost = node.receive(8)
    clock.now += 5
    node.send_progress(number=1)
    clock.now += 6
    node.send_progress(number=2)
    again = node.receive(8)
    assert [message.header.number for message in again] == [message.header.number for message in lost]
    assert node.steps(again) == node.steps(lost)


def test_new_node_gets_what_the_old_one_did_not_acknowledge_and_makes_room(client_thread, node):
    node.window = 8
    node.publish(0)
    client_thread().start()
    node.receive(8)
    node.name = "node-2"
    node.publish(0)
    assert node.steps(node.receive(8)) == list(range(1, 9))
    node.acknowledge()
    assert node.steps(node.receive(8)) == list(range(9, 17))


def test_model_of_a_node_that_resumed_from_further_back_is_used(client_thread, node, actor):
    node.window = 8
    node.publish(120)
    client_thread().start()
    node.receive(8)
    node.name = "node-2"
    node.publish(101, acked=node.messages[-1].header.number)
    messages = node.receive(8)
    assert actor.loaded == [120, 101] and node.iterations(messages)[-1] == 101


@pytest.mark.parametrize("method", ["push_samples", "wait_progress", "heartbeat"])
@pytest.mark.parametrize("backpressure", ["wait", "drop"])
def test_refusal_by_the_server_ends_the_client_with_its_sentence(
    client_thread, node, flaky, monkeypatch, method, backpressure, clock
):
    node.publish(0)
    thread = client_thread(backpressure=backpressure).start()
    node.receive(1)

    def refuse(*args, **options):
        raise AccessError("wrong password")

    monkeypatch.setattr(flaky._transport, method, refuse)
    clock.now += 10
    node.acknowledge()
    with pytest.raises(AccessError, match="wrong password"):
        thread.join()


def test_refusal_by_the_server_ends_a_client_that_waits_for_its_first_model(client_thread, flaky, monkeypatch):
    def refuse(*args, **options):
        raise AccessError("wrong password")

    monkeypatch.setattr(flaky._transport, "read_progress", refuse)
    with pytest.raises(AccessError, match="wrong password"):
        client_thread().start().join()
