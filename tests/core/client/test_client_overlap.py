"""An environment that computes elsewhere: the client's own work is done meanwhile, with the same results."""

import threading

import pytest

from soulsai_core.errors import AccessError, EnvironmentFailure
from soulsai_core.steps import Closed

PATIENCE = 60  # seconds


@pytest.fixture
def events():
    return []


@pytest.fixture
def split(scripted, events):
    """A function: an environment whose steps have two halves. `began(number)` is called in the first half, and the
    steps with the numbers in `breaks` fail in the second. Steps are counted from 1 over all environments made."""
    count = [0]

    def make(began=lambda number: None, breaks=(), **options):
        environment = scripted(**options)
        step = environment.step
        environment.overlapping = True
        asked = []

        def step_async(actions):
            assert not asked
            events.append("step_async")
            count[0] += 1
            asked.append(actions)
            began(count[0])

        def step_wait():
            events.append("step_wait")
            if count[0] in breaks:
                raise EnvironmentFailure("The game hangs.")
            return step(asked.pop())

        environment.step_async = step_async
        environment.step_wait = step_wait
        environment.step = None
        environment.close = lambda: events.append("close")
        return environment

    return make


@pytest.fixture
def actor(actor, events):
    """The actor, which adds its calls to the events."""

    def recorded(name):
        method = getattr(actor, name)

        def call(*args):
            events.append(name)
            return method(*args)

        return call

    for name in ("act", "load", "prepare"):
        setattr(actor, name, recorded(name))
    return actor


@pytest.fixture
def weights_during(node):
    """A function: gives a `began` in which newer weights arrive in the first half of step `at`."""

    def make(thread, at, iteration):
        def began(number):
            if number == at:
                node.publish(iteration)
                assert thread[0]._downlink.wait_newer(iteration - 1, PATIENCE)

        return began

    return make


def reached_after(steps):
    """(a `before_step` that notices this number of steps, a function that waits for it)"""
    reached = threading.Event()
    return lambda actor: actor.step >= steps and reached.set(), lambda: reached.wait(PATIENCE)


def record_sends(thread, events, monkeypatch):
    """Add to the events when a message is sent."""
    send = thread.client._window.add
    monkeypatch.setattr(thread.client._window, "add", lambda batch: (events.append("send"), send(batch)))


def test_rows_are_sent_and_weights_prepared_while_a_step_is_under_way(
    client_thread, node, split, actor, events, weights_during, monkeypatch
):
    client = []
    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: split(weights_during(client, 9, 1), lengths=(10**6,)), max_message_rows=4)
    client.append(thread.client)
    record_sends(thread, events, monkeypatch)
    actor.before_step, reached = reached_after(30)
    thread.start()
    assert reached()
    during = list(events)
    thread.stop()
    under_way = False
    inside = set()
    outside = set()
    for event in during:
        under_way = event == "step_async" or (under_way and event != "step_wait")
        (inside if under_way else outside).add(event)
    assert inside == {"step_async", "send", "prepare"}
    assert outside == {"load", "act", "step_wait"}
    at = during.index("prepare")
    assert during[at + 1 : at + 7] == ["step_wait", "load", "act", "step_async", "send", "step_wait"]


def test_row_of_the_step_in_which_newer_weights_came_carries_those_that_chose_it(
    client_thread, node, split, actor, weights_during
):
    client = []
    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: split(weights_during(client, 9, 1), lengths=(10**6,)))
    client.append(thread.client)
    actor.before_step, reached = reached_after(12)
    thread.start()
    assert reached()
    thread.stop()
    node.receive(12)
    assert node.iterations(node.messages)[:12] == [0] * 9 + [1] * 3
    old = [message for message in node.messages if 0 in node.iterations([message])]
    assert node.steps(old) == list(range(1, 10)), "rows of the old model are sent at once, in a message of their own"
    assert actor.loaded == [0, 1]


def test_failure_during_a_step_loses_only_that_step(client_thread, node, split, actor, events, weights_during):
    client = []
    node.window = 100_000
    node.publish(0)
    make = lambda: split(weights_during(client, 9, 1), breaks={9}, lengths=(10**6,))  # noqa: E731

    def wait(event, pause):
        node.publish(2)
        assert thread.client._downlink.wait_newer(1, PATIENCE)

    thread = client_thread(make, wait=wait)
    client.append(thread.client)
    actor.before_step, reached = reached_after(20)
    thread.start()
    assert reached()
    thread.stop()
    node.receive(thread.client.env_steps)
    assert node.steps(node.messages) == [n for n in range(1, actor.step + 1) if n != 9]
    assert actor.started == [1, 10] and thread.client.restarts == 1 and events.count("close") == 2
    assert actor.loaded == [0, 2]
    assert node.iterations(node.messages) == [0] * 8 + [2] * (thread.client.env_steps - 8)
    again = events.index("close")
    assert events[again + 1 : again + 3] == ["load", "act"], "newer weights are there from the first step on"


def test_episodes_are_reported_while_a_step_is_under_way_and_the_last_one_at_the_end(
    client_thread, node, split, actor, events, monkeypatch
):
    node.window = 100_000
    node.publish(0)
    client = []
    thread = client_thread(lambda: split(lambda number: number == 10 and client[0].stop("enough"), lengths=(5,)))
    client.append(thread.client)
    report = thread.client._uplink.report
    monkeypatch.setattr(thread.client._uplink, "report", lambda episode: (events.append("report"), report(episode)))
    thread.start().join()
    first, last = (at for at, event in enumerate(events) if event == "report")
    assert events[first - 1] == "step_async" and events[last - 1] == "close"
    assert [(e.id, e.length) for e in node.episodes(2)] == [("pc-1", 5), ("pc-2", 5)]


def test_episode_is_reported_while_the_node_is_waited_for(client_thread, node, split):
    node.window = 5
    node.publish(0)
    thread = client_thread(lambda: split(lengths=(5,))).start()
    assert [(e.id, e.length) for e in node.episodes(1)] == [("pc-1", 5)]
    assert thread.client.env_steps == 5


def test_stop_during_a_step_waits_for_it_and_loses_and_repeats_nothing(client_thread, node, split):
    node.window = 100_000
    node.publish(0)
    client = []
    stop = lambda number: number == 23 and client[0].stop("enough")  # noqa: E731
    thread = client_thread(lambda: split(stop, lengths=(5,)), max_message_rows=4)
    client.append(thread.client)
    assert thread.start().join() == "enough"
    assert thread.client.env_steps == 23
    assert node.all_steps() == list(range(1, 24))


def test_client_that_made_its_quota_loads_newer_weights_without_a_step_under_way(client_thread, node, split):
    node.quota = 10
    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: split(lengths=(10**6,))).start()
    for iteration in range(1, 4):
        messages = node.receive(10)
        assert set(node.iterations(messages)) == {iteration - 1}
        assert messages[-1].steps.closed == Closed(iteration - 1, 10)
        node.publish(iteration)
    thread.stop()


def test_quota_that_the_last_step_before_newer_weights_filled_is_closed(client_thread, node, split, weights_during):
    client = []
    node.quota = 5
    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: split(weights_during(client, 5, 1), lengths=(10**6,)))
    client.append(thread.client)
    thread.start()
    closed = [message.steps.closed for message in node.receive(10)]
    assert [one for one in closed if one] == [Closed(0, 5), Closed(1, 5)]
    thread.stop()


def test_window_is_kept_where_steps_overlap(client_thread, node, split):
    node.window = 20
    node.publish(0)
    thread = client_thread(lambda: split(lengths=(5,))).start()
    for total in range(20, 101, 20):
        assert sum(len(message.steps) for message in node.receive(20)) == 20
        thread.assert_waits_for_room(total)
        assert not node.waiting()
        node.acknowledge()


def test_buffer_is_kept_where_steps_overlap_while_the_server_is_away(client_thread, node, flaky, split):
    node.window = 1_000_000
    node.publish(0)
    thread = client_thread(lambda: split(lengths=(5,)), max_message_rows=1, buffer_messages=5).start()
    for _ in range(5):
        node.receive(4)
        node.acknowledge()
    flaky.away = True
    for _ in range(4):
        assert flaky.refused.acquire(timeout=PATIENCE)
    assert len(thread.client._window._messages) <= 5
    flaky.away = False
    for _ in range(5):
        node.acknowledge()
        node.receive(4)
    thread.stop()
    assert node.all_steps() == list(range(1, thread.client.env_steps + 1))


def test_refusal_by_the_server_during_a_step_ends_the_client(client_thread, node, flaky, split, monkeypatch, events):
    def refuse(*args, **options):
        raise AccessError("wrong password")

    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: split(lengths=(10**6,)), max_message_rows=2).start()
    node.receive(2)
    monkeypatch.setattr(flaky._transport, "push_samples", refuse)
    node.acknowledge()  # it may have stopped meanwhile, with as many steps as it can keep
    with pytest.raises(AccessError, match="wrong password"):
        thread.join()
    assert events.count("close") == 1


def test_weights_that_were_replaced_before_they_were_loaded_do_no_harm(client_thread, node, split, actor):
    client = []

    def began(number):
        node.publish(number)
        assert client[0]._downlink.wait_newer(number - 1, PATIENCE)

    node.window = 100_000
    node.publish(0)
    thread = client_thread(lambda: split(began, lengths=(10**6,)))
    client.append(thread.client)
    actor.before_step, reached = reached_after(6)
    thread.start()
    assert reached()
    thread.stop()
    assert actor.loaded == sorted(actor.loaded) and actor.loaded[:7] == list(range(7))
    messages = node.receive(6)
    assert node.iterations(messages)[:6] == list(range(6))
