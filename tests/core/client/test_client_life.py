"""The client's life: episodes, failures of the environment, heartbeats and leaving."""

import threading

import msgspec
import pytest

from soulsai_core.client.downlink import NEW_TRAINING
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady
from soulsai_core.messages import ClientInfo
from soulsai_core.steps import END, POSITION, ROWS, START, End

COLUMNS = (POSITION, ROWS, START, END)


def test_episodes_are_reported_with_return_length_iteration_and_metrics(played, node):
    node.publish(3)
    played(backpressure="drop").start()
    first, second = node.episodes(2)
    assert (first.id, second.id, first.client, first.run_id) == ("pc-1", "pc-2", "pc", "training")
    assert (first.length, first.total_reward, first.iteration, first.complete) == (5, 15.0, 3, True)
    assert first.metrics == {"epsilon": 0.5}


def test_failure_in_mid_episode_cuts_it_reports_it_and_starts_again(played, node, breakable, actor):
    waits = []
    node.publish(0)
    make = lambda: breakable({13}, lengths=(5,))  # noqa: E731
    play = played(make, wait=lambda event, pause: waits.append(pause), backpressure="drop").start()
    episodes = node.episodes(4)
    play.stop()
    assert [(e.id, e.length, e.complete) for e in episodes] == [
        ("pc-1", 5, True),
        ("pc-2", 5, True),
        ("pc-3", 2, False),
        ("pc-4", 5, True),
    ]
    assert actor.started[:4] == [1, 6, 11, 14] and play.client.restarts == 1 and waits == [0.5]
    assert breakable.closed == 2


def test_failure_leaves_a_position_out_and_ends_no_episode(played, node, breakable):
    node.window = 100_000
    node.publish(0)
    played(lambda: breakable({3}, lengths=(5,)), wait=lambda *_: None, max_group_rows=4).start()
    first, second = node.receive(6)[:2]
    assert first.steps.segments[:, COLUMNS].tolist() == [[0, 2, 1, End.GOES_ON]]
    assert second.steps.segments[:, COLUMNS].tolist() == [[3, 4, 1, End.GOES_ON]]


@pytest.mark.parametrize("failures", [0, 1])
def test_more_environments_than_a_client_may_have_are_refused_for_good(played, node, breakable, scripted, failures):
    made = [breakable({3}, lengths=(5,))] * failures
    node.publish(0)
    play = played(
        lambda: made.pop() if made else scripted(num_envs=5), wait=lambda *_: None, max_environments=4
    ).start()
    with pytest.raises(EnvironmentFailure, match=r"has 5 rows, and a client may have 4.*client\.max_environments"):
        play.join()
    assert play.client.restarts == failures


def test_rows_before_a_failure_are_sent(played, node, breakable):
    resting, go_on = threading.Event(), threading.Event()
    node.window = 100_000
    node.publish(0)
    played(lambda: breakable({8}, lengths=(5,)), wait=lambda *_: (resting.set(), go_on.wait(20))).start()
    assert resting.wait(20)
    assert node.steps(node.receive(7)) == list(range(1, 8))
    go_on.set()


def test_waits_grow_while_the_environment_keeps_failing_and_shrink_after_an_episode(played, node, breakable):
    waits = []
    enough = threading.Event()

    def wait(event, pause):
        waits.append(pause)
        if len(waits) == 6:
            enough.set()

    node.publish(0)
    played(lambda: breakable({2, 3, 4, 5, 11, 12}, lengths=(5,)), wait=wait, backpressure="drop").start()
    assert enough.wait(20)
    assert waits == [0.5, 1.0, 2.0, 4.0, 0.5, 1.0], "an episode was finished between the fourth and the fifth"


def test_environment_that_cannot_be_made_again_is_tried_again(played, node, breakable):
    waits, made = [], []

    def make():
        made.append(None)
        if len(made) in (2, 3):
            raise EnvironmentFailure("The game does not start.")
        return breakable({7}, lengths=(5,))

    node.publish(0)
    play = played(make, wait=lambda event, pause: waits.append(pause), backpressure="drop").start()
    node.episodes(3)
    play.stop()
    assert len(made) == 4 and play.client.restarts == 3 and waits == [0.5, 1.0, 2.0]


def test_first_failure_is_raised_since_nothing_has_ever_worked(played, node):
    def make():
        raise EnvironmentFailure("The game is not installed.")

    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="not installed"):
        played(make).start().join()


def test_environment_that_is_not_ready_yet_is_waited_for(played, node, scripted):
    waits, troubles = [], []

    def wait(event, pause):
        waits.append(pause)
        troubles.append(play.client._info().trouble)

    def make():
        if len(waits) < 3:
            raise EnvironmentNotReady("Load your character.")
        return scripted(lengths=(5,))

    node.publish(0)
    play = played(make, wait=wait, backpressure="drop")
    play.start()
    node.episodes(1)
    play.stop()
    assert waits == [0.5, 1.0, 2.0] and troubles == ["Load your character."] * 3
    assert play.client._info().trouble == "", "it is forgotten once an episode was played"


def test_failure_for_good_after_one_that_was_waited_out_is_raised(played, node):
    failures = [EnvironmentNotReady("The game is not running."), EnvironmentFailure("The game is not installed.")]

    def make():
        raise failures.pop(0)

    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="not installed"):
        played(make, wait=lambda *_: None).start().join()


def test_failure_at_the_very_first_step_is_raised(played, node, breakable):
    node.publish(0)
    with pytest.raises(EnvironmentFailure, match="hangs"):
        played(lambda: breakable({1})).start().join()
    assert breakable.closed == 1


def test_environment_that_fails_to_close_after_a_failure_does_not_end_the_client(played, node, breakable):
    class Stubborn(breakable):
        def close(self):
            raise EnvironmentFailure("The game does not close.")

    node.publish(0)
    play = played(lambda: Stubborn({7}, lengths=(5,)), wait=lambda *_: None, backpressure="drop").start()
    node.episodes(3)
    assert play.stop() == "the test is over"


def test_client_can_be_stopped_while_it_waits_for_a_broken_environment(played, node, breakable, rng):
    waiting = threading.Event()

    def wait(event, pause):
        waiting.set()
        return event.wait(20)

    node.publish(0)
    play = played(lambda: breakable({3}), wait=wait).start()
    assert waiting.wait(20)
    assert play.stop() == "the test is over"


def test_other_errors_are_not_hidden(played, node, actor):
    def fail(actor):
        raise ZeroDivisionError

    actor.before_step = fail
    node.publish(0)
    with pytest.raises(ZeroDivisionError):
        played().start().join()


def test_client_leaves_when_the_training_stops(played, node, server):
    node.publish(0)
    play = played().start()
    node.receive(1)
    node.tell(state="stopping")
    assert play.join() == "the training has ended"
    assert server.clients == {}, "it said goodbye"


def test_client_leaves_when_another_training_has_begun(played, node):
    node.publish(0)
    play = played().start()
    node.receive(1)
    node.tell(run_id="tomorrow")
    assert play.join() == NEW_TRAINING


def test_client_that_waits_for_room_leaves_too(played, node):
    node.window = 4
    node.publish(0)
    play = played().start()
    node.receive(4)
    node.tell(state="stopping")
    assert play.join() == "the training has ended"


def test_client_that_never_got_a_model_can_be_stopped(played, actor):
    assert played().start().stop() == "the test is over"
    assert actor.step == 0


def test_client_sends_its_last_rows_when_it_is_stopped(played, node):
    node.window = 100_000
    node.publish(0)
    play = played().start()
    node.receive(1)
    play.stop()
    assert node.all_steps() == list(range(1, play.client.env_steps + 1))


def test_client_leaves_no_thread_behind_though_the_server_is_away(played, node, flaky, monkeypatch, caplog):
    monkeypatch.setattr("soulsai_core.client.client._FAREWELL", 0.1)
    before = set(threading.enumerate())
    node.publish(0)
    play = played().start()
    node.receive(1)
    flaky.away = True
    assert flaky.refused.acquire(timeout=20)
    play.stop()
    assert "While leaving: The server is away." in caplog.text
    assert {thread.name for thread in set(threading.enumerate()) - before} <= {"uplink"}


def test_heartbeats_tell_who_and_how_far(played, node, server, clock):
    node.window = 10
    node.publish(0)
    played(heartbeat_interval_s=2).start()
    node.receive(10)
    clock.now += 3
    node.acknowledge()
    node.receive(10)
    with server.changed:
        assert server.changed.wait_for(lambda: b'"env_steps":0' not in server.clients["pc"][1], 20)
    info = msgspec.json.decode(server.clients["pc"][1], type=ClientInfo)
    assert (info.id, info.host) == ("pc", "host") and 10 <= info.env_steps <= 20 and 2 <= info.episodes <= 4
