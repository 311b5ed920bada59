"""An environment that computes elsewhere: what takes long is done while it does, and changes nothing but the time."""

import threading

import pytest

from soulsai_core.errors import AccessError, EnvironmentFailure
from soulsai_core.steps import Closed

PATIENCE = 20


@pytest.fixture
def events():
    return []


@pytest.fixture
def split(scripted, events):
    """A function: an environment that is stepped in two halves. `began(number)` is called in the first, and the steps
    of these numbers fail in the second; all are counted from 1 over all starts."""
    count = [0]

    def make(began=lambda number: None, breaks=(), **options):
        environment = scripted(**options)
        step, environment.overlapping = environment.step, True
        asked = []

        def step_async(actions):
            assert not asked
            events.append("begin")
            count[0] += 1
            asked.append(actions)
            began(count[0])

        def step_wait():
            events.append("finish")
            if count[0] in breaks:
                raise EnvironmentFailure("The game hangs.")
            return step(asked.pop())

        environment.step_async, environment.step_wait, environment.step = step_async, step_wait, None
        environment.close = lambda: events.append("close")
        return environment

    return make


@pytest.fixture
def actor(actor, events):
    """It also tells when it is called."""

    def telling(name):
        method = getattr(actor, name)

        def call(*args):
            events.append(name)
            return method(*args)

        return call

    for name in ("act", "load", "prepare"):
        setattr(actor, name, telling(name))
    return actor


@pytest.fixture
def meets(node):
    """A function: what to do in the first half of step `at` so that newer weights arrive in it."""

    def meet(play, at, iteration):
        def began(number):
            if number == at:
                node.publish(iteration)
                assert play[0]._downlink.wait_newer(iteration - 1, PATIENCE)

        return began

    return meet


def ended_after(steps):
    """(stop at that step, wait for it)"""
    reached = threading.Event()
    return lambda actor: actor.step >= steps and reached.set(), lambda: reached.wait(PATIENCE)


def telling_of_messages(play, events, monkeypatch):
    """Note among the events when a message is made."""
    send = play.client._batcher._pass_on
    monkeypatch.setattr(play.client._batcher, "_pass_on", lambda batch: (events.append("send"), send(batch)))


def test_rows_are_sent_and_weights_prepared_while_a_step_is_under_way(
    played, node, split, actor, events, meets, monkeypatch
):
    client = []
    node.window = 100_000
    node.publish(0)
    play = played(lambda: split(meets(client, 9, 1), lengths=(10**6,)), max_group_rows=4)
    client.append(play.client)
    telling_of_messages(play, events, monkeypatch)
    actor.before_step, reached = ended_after(30)
    play.start()
    assert reached()
    during = list(events)
    play.stop()
    under_way, inside, outside = False, set(), set()
    for event in during:
        under_way = event == "begin" or (under_way and event != "finish")
        (inside if under_way else outside).add(event)
    assert inside == {"begin", "send", "prepare"}
    assert outside == {"load", "act", "finish"}
    at = during.index("prepare")
    assert during[at + 1 : at + 7] == ["finish", "load", "act", "begin", "send", "finish"]


def test_row_of_the_step_in_which_newer_weights_came_carries_those_that_chose_it(played, node, split, actor, meets):
    client = []
    node.window = 100_000
    node.publish(0)
    play = played(lambda: split(meets(client, 9, 1), lengths=(10**6,)))
    client.append(play.client)
    actor.before_step, reached = ended_after(12)
    play.start()
    assert reached()
    play.stop()
    node.receive(12)
    assert node.iterations(node.messages)[:12] == [0] * 9 + [1] * 3
    old = [message for message in node.messages if 0 in node.iterations([message])]
    assert node.steps(old) == list(range(1, 10)), "what was left of the old model is sent at once, and alone"
    assert actor.loaded == [0, 1]


def test_failure_in_the_middle_loses_only_the_step_that_failed(played, node, split, actor, events, meets):
    client = []
    node.window = 100_000
    node.publish(0)
    make = lambda: split(meets(client, 9, 1), breaks={9}, lengths=(10**6,))  # noqa: E731

    def wait(event, pause):
        node.publish(2)
        assert play.client._downlink.wait_newer(1, PATIENCE)

    play = played(make, wait=wait)
    client.append(play.client)
    actor.before_step, reached = ended_after(20)
    play.start()
    assert reached()
    play.stop()
    node.receive(play.client.env_steps)
    assert node.steps(node.messages) == [n for n in range(1, actor.step + 1) if n != 9]
    assert actor.started == [1, 10] and play.client.restarts == 1 and events.count("close") == 2
    assert actor.loaded == [0, 2]
    assert node.iterations(node.messages) == [0] * 8 + [2] * (play.client.env_steps - 8)
    again = events.index("close")
    assert events[again + 1 : again + 3] == ["load", "act"], "newer weights are there from the first step on"


def test_episodes_are_reported_while_a_step_is_under_way_and_the_last_one_at_the_end(
    played, node, split, actor, events, monkeypatch
):
    node.window = 100_000
    node.publish(0)
    client = []
    play = played(lambda: split(lambda number: number == 10 and client[0].stop("enough"), lengths=(5,)))
    client.append(play.client)
    report = play.client._uplink.report
    monkeypatch.setattr(play.client._uplink, "report", lambda episode: (events.append("report"), report(episode)))
    play.start().join()
    first, last = (at for at, event in enumerate(events) if event == "report")
    assert events[first - 1] == "begin" and events[last - 1] == "close"
    assert [(e.id, e.length) for e in node.episodes(2)] == [("pc-1", 5), ("pc-2", 5)]


def test_episode_is_reported_while_the_node_is_waited_for(played, node, split):
    node.window = 5
    node.publish(0)
    play = played(lambda: split(lengths=(5,))).start()
    assert [(e.id, e.length) for e in node.episodes(1)] == [("pc-1", 5)]
    assert play.client.env_steps == 5


def test_stop_while_a_step_is_under_way_waits_for_it_and_loses_and_doubles_nothing(played, node, split):
    node.window = 100_000
    node.publish(0)
    client = []
    stop = lambda number: number == 23 and client[0].stop("enough")  # noqa: E731
    play = played(lambda: split(stop, lengths=(5,)), max_group_rows=4)
    client.append(play.client)
    assert play.start().join() == "enough"
    assert play.client.env_steps == 23
    assert node.all_steps() == list(range(1, 24))


def test_client_that_made_its_quota_gets_newer_weights_though_no_step_is_under_way(played, node, split):
    node.quota, node.window = 10, 100_000
    node.publish(0)
    play = played(lambda: split(lengths=(10**6,))).start()
    for iteration in range(1, 4):
        messages = node.receive(10)
        assert set(node.iterations(messages)) == {iteration - 1}
        assert messages[-1].steps.closed == Closed(iteration - 1, 10)
        node.publish(iteration)
    play.stop()


def test_quota_that_the_last_step_before_newer_weights_filled_is_closed(played, node, split, meets):
    client = []
    node.quota, node.window = 5, 100_000
    node.publish(0)
    play = played(lambda: split(meets(client, 5, 1), lengths=(10**6,)))
    client.append(play.client)
    play.start()
    closed = [message.steps.closed for message in node.receive(10)]
    assert [one for one in closed if one] == [Closed(0, 5), Closed(1, 5)]
    play.stop()


def test_window_holds_where_steps_overlap(played, node, split, server):
    node.window = 20
    node.publish(0)
    play = played(lambda: split(lengths=(5,))).start()
    for total in range(20, 101, 20):
        assert sum(len(message.steps) for message in node.receive(20)) == 20
        with server.changed:
            assert not server.changed.wait_for(lambda: node.waiting(), 0.05), "it plays on without an answer"
        assert play.client.env_steps == total
        node.acknowledge()


def test_buffer_holds_where_steps_overlap_while_the_server_is_away(played, node, flaky, split):
    node.window = 1_000_000
    node.publish(0)
    play = played(lambda: split(lengths=(5,)), max_group_rows=1, buffer_messages=5).start()
    node.receive(20)
    flaky.away = True
    for _ in range(4):
        assert flaky.refused.acquire(timeout=PATIENCE)
    assert len(play.client._uplink._batches) <= 5
    flaky.away = False
    node.receive(20)
    play.stop()
    assert node.all_steps() == list(range(1, play.client.env_steps + 1))


def test_refusal_noticed_in_the_middle_of_a_step_ends_the_client(played, node, flaky, split, monkeypatch, events):
    def refuse(*args, **options):
        raise AccessError("wrong password")

    node.window = 100_000
    node.publish(0)
    play = played(lambda: split(lengths=(10**6,)), max_group_rows=2).start()
    node.receive(2)
    monkeypatch.setattr(flaky._transport, "push_samples", refuse)
    with pytest.raises(AccessError, match="wrong password"):
        play.join()
    assert events.count("close") == 1


def test_weights_that_were_overtaken_before_they_were_loaded_do_no_harm(played, node, split, actor):
    client = []

    def began(number):
        node.publish(number)
        assert client[0]._downlink.wait_newer(number - 1, PATIENCE)

    node.window = 100_000
    node.publish(0)
    play = played(lambda: split(began, lengths=(10**6,)))
    client.append(play.client)
    actor.before_step, reached = ended_after(6)
    play.start()
    assert reached()
    play.stop()
    assert actor.loaded == sorted(actor.loaded) and actor.loaded[:7] == list(range(7))
    messages = node.receive(6)
    assert node.iterations(messages)[:6] == list(range(6))
