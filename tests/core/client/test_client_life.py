"""The client's life: episodes, failures of the environment, heartbeats and leaving."""

import threading

import msgspec
import pytest

from soulsai_core.client.downlink import NEW_TRAINING
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady
from soulsai_core.messages import ClientInfo
from soulsai_core.steps import END, POSITION, ROWS, START, End

COLUMNS = (POSITION, ROWS, START, END)
PATIENCE = 60  # seconds


def test_episodes_are_reported_with_return_length_iteration_and_metrics(client_thread, node):
    node.publish(3)
    client_thread(backpressure="drop").start()
    first, second = node.episodes(2)
    assert (first.id, second.id, first.client, first.run_id) == ("pc-1", "pc-2", "pc", "training")
    assert (first.length, first.total_reward, first.iteration, first.complete) == (5, 15.0, 3, True)
    assert first.metrics == {"epsilon": 0.5}


def test_failure_during_an_episode_ends_it_incomplete_and_starts_the_environment_again(
    client_thread, node, failing, actor
):
    waits = []
    node.publish(0)
    make = lambda: failing({13}, lengths=(5,))  # noqa: E731
    thread = client_thread(make, wait=lambda event, pause: waits.append(pause), backpressure="drop").start()
    episodes = node.episodes(4)
    thread.stop()
    assert [(e.id, e.length, e.complete) for e in episodes] == [
        ("pc-1", 5, True),
        ("pc-2", 5, True),
        ("pc-3", 2, False),
        ("pc-4", 5, True),
    ]
    assert actor.started[:4] == [1, 6, 11, 14] and thread.client.restarts == 1 and waits == [0.5]
    assert failing.closed == 2


def test_failure_leaves_a_position_out_and_ends_no_episode(client_thread, node, failing):
    node.window = 100_000
    node.publish(0)
    client_thread(lambda: failing({3}, lengths=(5,)), wait=lambda *_: None, max_message_rows=4).start()
    first, second = node.receive(6)[:2]
    assert first.steps.segments[:, COLUMNS].tolist() == [[0, 2, 1, End.GOES_ON]]
    assert second.steps.segments[:, COLUMNS].tolist() == [[3, 4, 1, End.GOES_ON]]


@pytest.mark.parametrize("failures", [0, 1])
def test_more_environments_than_a_client_may_have_end_it(client_thread, node, failing, scripted, failures):
    made = [failing({3}, lengths=(5,))] * failures
    node.publish(0)
    thread = client_thread(
        lambda: made.pop() if made else scripted(num_envs=5), wait=lambda *_: None, max_environments=4
    ).start()
    with pytest.raises(EnvironmentFailure, match=r"has 5 rows, and a client may have 4.*client\.max_environments"):
        thread.join()
    assert thread.client.restarts == failures


def test_rows_before_a_failure_are_sent(client_thread, node, failing):
    pausing = threading.Event()
    go_on = threading.Event()
    node.window = 100_000
    node.publish(0)
    client_thread(lambda: failing({8}, lengths=(5,)), wait=lambda *_: (pausing.set(), go_on.wait(PATIENCE))).start()
    assert pausing.wait(PATIENCE)
    assert node.steps(node.receive(7)) == list(range(1, 8))
    go_on.set()


def test_waits_grow_while_the_environment_keeps_failing_and_shrink_after_an_episode(client_thread, node, failing):
    waits = []
    enough = threading.Event()

    def wait(event, pause):
        waits.append(pause)
        if len(waits) == 6:
            enough.set()

    node.publish(0)
    client_thread(lambda: failing({2, 3, 4, 5, 11, 12}, lengths=(5,)), wait=wait, backpressure="drop").start()
    assert enough.wait(PATIENCE)
    assert waits == [0.5, 1.0, 2.0, 4.0, 0.5, 1.0], "an episode was finished between the fourth and the fifth"


def test_environment_that_cannot_be_made_again_is_tried_again(client_thread, node, failing):
    waits = []
    made = []

    def make():
        made.append(None)
        if len(made) in (2, 3):
            raise EnvironmentFailure("The game does not start.")
        return failing({7}, lengths=(5,))

    node.publish(0)
    thread = client_thread(make, wait=lambda event, pause: waits.append(pause), backpressure="drop").start()
    node.episodes(3)
    thread.stop()
    assert len(made) == 4 and thread.client.restarts == 3 and waits == [0.5, 1.0, 2.0]


def test_environment_that_cannot_be_made_at_first_ends_the_client(client_thread, node):
    def make():
        raise EnvironmentFailure("The game is not installed.")

    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="not installed"):
        client_thread(make).start().join()


def test_environment_that_is_not_ready_yet_is_waited_for(client_thread, node, scripted):
    waits = []
    problems = []

    def wait(event, pause):
        waits.append(pause)
        problems.append(thread.client._info().problem)

    def make():
        if len(waits) < 3:
            raise EnvironmentNotReady("Load your character.")
        return scripted(lengths=(5,))

    node.publish(0)
    thread = client_thread(make, wait=wait, backpressure="drop")
    thread.start()
    node.episodes(1)
    thread.stop()
    assert waits == [0.5, 1.0, 2.0] and problems == ["Load your character."] * 3
    assert thread.client._info().problem == "", "it is forgotten once an episode has ended"


def test_environment_that_was_not_ready_and_then_fails_ends_the_client(client_thread, node):
    failures = [EnvironmentNotReady("The game is not running."), EnvironmentFailure("The game is not installed.")]

    def make():
        raise failures.pop(0)

    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="not installed"):
        client_thread(make, wait=lambda *_: None).start().join()


def test_first_failures_are_waited_out_like_later_ones(client_thread, node, failing):
    waits = []
    node.publish(0)
    thread = client_thread(lambda: failing({1, 2}, lengths=(5,)), wait=lambda event, pause: waits.append(pause)).start()
    node.episodes(1)
    assert thread.stop() == "the test is over"
    assert len(waits) == thread.client.restarts == 2


def test_environment_that_never_works_ends_the_client_after_three_starts(client_thread, node, failing):
    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="hangs"):
        client_thread(lambda: failing({1, 2, 3}), wait=lambda *_: None).start().join()
    assert failing.closed == 3


def test_environment_whose_server_refuses_the_connection_is_made_again(client_thread, node, failing):
    refusals = [ConnectionRefusedError()] * 2

    def make():
        if refusals:
            raise EnvironmentFailure("The game's server is not up.") from refusals.pop()
        return failing(set(), lengths=(5,))

    node.publish(0)
    thread = client_thread(make, wait=lambda *_: None).start()
    node.episodes(1)
    assert thread.stop() == "the test is over"


def test_environment_that_fails_to_close_after_a_failure_does_not_end_the_client(client_thread, node, failing):
    class FailingToClose(failing):
        def close(self):
            raise EnvironmentFailure("The game does not close.")

    node.publish(0)
    thread = client_thread(lambda: FailingToClose({7}, lengths=(5,)), wait=lambda *_: None, backpressure="drop").start()
    node.episodes(3)
    assert thread.stop() == "the test is over"


def test_client_can_be_stopped_while_it_waits_for_a_failed_environment(client_thread, node, failing, rng):
    waiting = threading.Event()

    def wait(event, pause):
        waiting.set()
        return event.wait(PATIENCE)

    node.publish(0)
    thread = client_thread(lambda: failing({3}), wait=wait).start()
    assert waiting.wait(PATIENCE)
    assert thread.stop() == "the test is over"


def test_other_errors_are_not_hidden(client_thread, node, actor):
    def fail(actor):
        raise ZeroDivisionError

    actor.before_step = fail
    node.publish(0)
    with pytest.raises(ZeroDivisionError):
        client_thread().start().join()


def test_client_leaves_when_the_training_stops(client_thread, node, server):
    node.publish(0)
    thread = client_thread().start()
    node.receive(1)
    node.send_progress(state="stopping")
    assert thread.join() == "the training has ended"
    last = msgspec.json.decode(server.clients["pc"][1], type=ClientInfo)
    assert last.leaving and last.env_steps == thread.client.env_steps


def test_client_leaves_when_another_training_has_begun(client_thread, node):
    node.publish(0)
    thread = client_thread().start()
    node.receive(1)
    node.send_progress(run_id="tomorrow")
    assert thread.join() == NEW_TRAINING


def test_client_that_waits_for_room_leaves_too(client_thread, node):
    node.window = 4
    node.publish(0)
    thread = client_thread().start()
    node.receive(4)
    node.send_progress(state="stopping")
    assert thread.join() == "the training has ended"


def test_client_without_a_model_can_be_stopped(client_thread, actor):
    assert client_thread().start().stop() == "the test is over"
    assert actor.step == 0


def test_client_sends_its_last_rows_when_it_is_stopped(client_thread, node):
    node.window = 100_000
    node.publish(0)
    thread = client_thread().start()
    node.receive(1)
    thread.stop()
    assert node.all_steps() == list(range(1, thread.client.env_steps + 1))


def test_client_leaves_no_thread_behind_though_the_server_is_away(client_thread, node, flaky, monkeypatch, caplog):
    monkeypatch.setattr("soulsai_core.client.client._LEAVE_TIMEOUT_S", PATIENCE)
    before = set(threading.enumerate())
    node.publish(0)
    thread = client_thread().start()
    node.receive(1)
    flaky.away = True
    assert flaky.refused.acquire(timeout=PATIENCE)
    thread.stop()
    assert f"While leaving: The server is away. {thread.client._window.rows:,} steps were not sent." in caplog.text
    assert {thread.name for thread in set(threading.enumerate()) - before} == set()


def test_heartbeats_have_the_client_and_its_progress(client_thread, node, server, clock):
    node.window = 10
    node.publish(0)
    client_thread(heartbeat_interval_s=2).start()
    node.receive(10)
    clock.now += 3
    node.acknowledge()
    node.receive(10)
    with server.changed:
        assert server.changed.wait_for(lambda: b'"env_steps":0' not in server.clients["pc"][1], PATIENCE)
    info = msgspec.json.decode(server.clients["pc"][1], type=ClientInfo)
    assert (info.id, info.host) == ("pc", "host") and 10 <= info.env_steps <= 20 and 2 <= info.episodes <= 4


def test_changed_settings_reach_the_actor_before_the_next_weights(client_thread, node):
    node.announce(rate=1)
    node.publish(0)
    thread = client_thread()
    thread.start()
    node.receive(5)
    assert thread.actor.configs == []
    node.announce(rate=2)
    node.settings = 1
    node.publish(1)
    node.acknowledge()
    while not thread.actor.configs:
        node.receive(1)
        node.acknowledge()
    thread.stop()
    assert thread.actor.configs == [({"rate": 2}, 1)]
