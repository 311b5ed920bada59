"""The loop: updates where they are due, goals, clients, shutdown, and what is measured."""

import logging
import threading

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Gauge, Histogram

from soulsai_core.client.window import Window
from soulsai_core.contracts import Sync
from soulsai_core.errors import AccessError, SoulsAIError
from soulsai_core.messages import Episode
from soulsai_core.wire import decode_weights


def test_update_is_made_when_there_are_rows_enough_and_published_before_it_is_told(stage):
    stage.take_in([0, 0, 0])
    assert stage.node.iteration == 0
    stage.take_in([0])
    stage.recorder.wait("model_updated")
    stage.stop()
    calls = stage.learner.calls
    assert calls[0] == ("started", False) and calls[-1] == "stopped"
    assert calls[1:-1] == ["add", "add", "update", ("updated", 1)]


def test_message_that_holds_rows_for_several_updates_gives_them_all(stage):
    stage.send([0] * 12)
    assert [event["iteration"] for event in stage.recorder.wait("model_updated", 3)] == [1, 2, 3]


def test_rows_without_an_update_count_towards_the_next(stage):
    for rows in (3, 3, 3, 3):
        stage.take_in([stage.node.iteration] * rows)
    stage.recorder.wait("model_updated", 3)
    stage.take_in([3] * 3)
    assert stage.learner.updates == 3


def test_learner_that_is_asked_decides_by_itself_and_nothing_accumulates(staged, learner):
    answers = [False, False, True, False]
    learner.ready = lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    stage = staged(learner).start()
    stage.recorder.wait("model_updated")
    stage.take_in([1] * 40)
    stage.take_in([1])
    assert learner.updates == 1
    learner.ready = lambda: None
    stage.take_in([1] * 3)
    assert learner.updates == 1, "the rows before are not counted"
    stage.take_in([1])
    stage.recorder.wait("model_updated", 2)


def test_learner_that_is_always_ready_gets_one_update_after_each_message_and_more_while_none_come(staged, learner):
    learner.ready = lambda: True
    stage = staged(learner, sync=Sync(10**9, 1)).start()
    stage.recorder.wait("model_updated", 3)
    stage.outside.push_samples([stage.message([0]) for _ in range(5)])
    stage.recorder.wait("samples_received", 5)
    stage.stop()
    calls = [call for call in learner.calls if call in ("add", "update")]
    first = calls.index("add")
    assert calls[first : first + 9] == ["add", "update"] * 4 + ["add"]


def test_quota_travels_with_the_weights(staged, learner):
    learner.quota = lambda: 16 if learner.updates == 0 else None
    stage = staged(learner).start()
    assert decode_weights(*stage.outside.read_model(-1)).quota == 16
    stage.make_iterations(1)
    stage.recorder.wait("weights_published", where=lambda a: a["iteration"] == 1)
    assert decode_weights(*stage.outside.read_model(-1)).quota is None


def test_model_in_the_server_is_the_newest_and_its_progress_belongs_to_it(stage):
    stage.make_iterations(2)
    stage.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    assert stage.outside.read_model(-1)[0] == 2
    progress = stage.wait_progress(lambda progress: progress.iteration == 2)
    assert (progress.run_id, progress.state, progress.env_steps) == (stage.folder.name, "running", 8)


def test_progress_acknowledges_what_was_taken_in_even_without_an_update(stage):
    stage.take_in([0], "a", number=3)
    assert stage.wait_progress(lambda progress: progress.acked).acked == {"a": 3}


def test_window_is_shared_by_the_clients_that_are_there(staged):
    stage = staged(sync=Sync(max_staleness=3, rows_per_iteration=60)).start()
    assert stage.progress().window == 120
    stage.heartbeat("a")
    stage.heartbeat("b")
    stage.wait_progress(lambda progress: progress.window == 30)


def test_window_of_many_clients_is_two_rows_while_rows_arrive_young_and_one_else(staged, learner):
    """With two nobody has to wait for an acknowledgement after each step."""
    stage = staged(learner, sync=Sync(max_staleness=3, rows_per_iteration=4)).start()
    for client in "abcdefgh":
        stage.heartbeat(client)
    stage.wait_progress(lambda progress: progress.window == 2)
    stage.make_iterations(2)
    learner.ready = lambda: False  # the rows that follow stay two iterations old
    for _ in range(100):
        stage.take_in([0])
    stage.wait_progress(lambda progress: progress.window == 1)


def test_window_is_that_of_all_required_clients(staged):
    stage = staged(sync=Sync(max_staleness=1, rows_per_iteration=40, required_clients=8)).start()
    assert stage.progress().window == 10


@pytest.fixture
def synchronous(staged):
    """A node whose iterations wait for two clients, each with a rollout of 20 rows."""
    return staged(sync=Sync(max_staleness=1, rows_per_iteration=40, required_clients=2)).start()


def test_client_that_iterations_wait_for_may_play_on_though_its_rollout_was_lost_on_its_way(synchronous, clock):
    """Nobody acknowledges what was lost, but the next message of that client, which must fit into the window."""
    window = Window(limited=True, clock=clock)

    def hear(progress):
        window.acknowledged(progress.node, progress.acked.get("pc", 0), progress.window)

    hear(synchronous.progress())
    window.sent(1, 20)  # and it is lost
    assert window.has_room(20)
    window.sent(2, 20)
    assert not window.has_room(1), "two rollouts and no more"
    synchronous.take_in([0] * 20, number=2)
    hear(synchronous.wait_progress(lambda progress: progress.acked))
    assert window.has_room(40)


def test_room_for_two_rollouts_is_that_of_each_client_and_stays_from_iteration_to_iteration(synchronous):
    for iteration in range(2):
        for client in ("a", "b"):
            synchronous.heartbeat(client)
            synchronous.send([iteration] * 20, client)
        synchronous.wait_progress(lambda progress, made=iteration + 1: progress.iteration == made)
        assert synchronous.progress().window == 40
    for client in ("c", "d"):
        synchronous.heartbeat(client)
    synchronous.wait_progress(lambda progress: progress.window == 20)


def test_env_steps_goal_is_not_overshot_though_more_messages_wait(staged):
    stage = staged(stop={"env_steps": 10}).start()
    stage.outside.push_samples([stage.message([0, 0]) for _ in range(50)])
    assert stage.join() == "10 environment steps were trained" and stage.node.env_steps == 10
    assert stage.outside.backlog() == 45, "the rest is kept for whoever resumes"


def test_iterations_goal_is_not_overshot_though_more_rows_wait(staged):
    stage = staged(stop={"iterations": 3}).start()
    stage.send([0] * 400)
    assert stage.join() == "3 iterations were trained" and stage.learner.updates == 3


def test_seconds_goal_ends_training_though_nobody_plays(staged):
    stage = staged(stop={"seconds": 60}).start()
    stage.clock.now += 61
    assert stage.join() == "61 seconds were trained"


def test_mean_return_goal_waits_for_a_full_window(staged):
    stage = staged(stop={"mean_return": 100, "episodes": 3}).start()
    for number, reward in enumerate((500, 500), start=1):
        stage.report(number, reward)
    stage.recorder.wait("episode_finished", 2)
    stage.take_in([0])
    stage.report(3, -1000)
    stage.recorder.wait("episode_finished", 3)
    stage.take_in([0])
    assert stage.node._reason is None, "a mean of 0 is not enough"
    stage.report(4, 900)
    assert stage.join() == "the mean return of the last 3 episodes is 133.3"


def test_required_clients_hold_back_updates_until_they_are_there(staged):
    stage = staged(sync=Sync(max_staleness=1, rows_per_iteration=4, required_clients=2)).start()
    stage.heartbeat("a")
    stage.take_in([0] * 4, "a")
    stage.recorder.wait("client_joined")
    stage.take_in([0], "a")
    assert stage.learner.updates == 0
    stage.heartbeat("b")
    stage.recorder.wait("model_updated")
    assert stage.learner.updates == 1, "though the second client sent nothing"


def test_learner_is_told_who_is_there(stage):
    stage.heartbeat("a")
    stage.recorder.wait("client_joined")
    stage.take_in([0])
    stage.take_in([0])
    assert ("clients", frozenset({"a"})) in stage.learner.calls


def test_shutdown_ends_after_the_current_update_with_the_first_reason(staged, learner):
    stage = staged(learner)
    inside, go_on = threading.Event(), threading.Event()
    learner.before_update = lambda: (inside.set(), go_on.wait(20))
    stage.start()
    stage.send([0] * 40)
    assert inside.wait(20)
    stage.node.shutdown("somebody asked")
    stage.node.shutdown("somebody else asked")
    go_on.set()
    assert stage.join() == "somebody asked" and learner.updates == 1


def test_clients_are_told_to_leave(stage):
    stage.stop()
    assert stage.progress().state == "stopping" and stage.status().state == "stopping"


def test_error_of_the_learner_is_raised_and_everything_is_closed(staged, learner):
    stage = staged(learner).start()
    learner.before_update = lambda: 1 / 0
    stage.send([0] * 4)
    with pytest.raises(ZeroDivisionError):
        stage.join()
    assert stage.recorder.all("training_stopped") == [{"reason": "error"}]
    assert learner.calls[-1] == "stopped" and stage.progress().state == "stopping"
    assert not stage.folder.checkpoint.exists()


def test_learner_that_fails_while_stopping_leaves_no_thread_behind(staged, learner):
    def fail():
        raise ValueError("cannot stop")

    before = set(threading.enumerate())
    learner.stopped = fail
    stage = staged(learner).start()
    stage.node.shutdown("enough")
    with pytest.raises(ValueError, match="cannot stop"):
        stage.join()
    assert stage.recorder.all("training_stopped") == [{"reason": "enough"}]
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("method", ["publish", "read_samples", "read_commands"])
def test_refusal_by_the_server_ends_training_with_its_sentence(stage, monkeypatch, method):
    def refuse(*args, **options):
        raise AccessError("wrong password")

    monkeypatch.setattr(stage.transport._transport, method, refuse)
    stage.send([0] * 4)
    with pytest.raises(AccessError, match="wrong password"):
        stage.join()


def test_learner_that_diverges_stops_with_a_sentence_and_keeps_the_last_checkpoint(staged, learner):
    stage = staged(learner, checkpoint_every=1)
    learner.diverges_at = 3
    stage.start()
    stage.send([0] * 12)
    with pytest.raises(SoulsAIError) as caught:
        stage.join()
    sentence = str(caught.value)
    assert "Learning diverged: w is no longer finite at iteration 3" in sentence
    assert str(stage.folder.checkpoint) in sentence and "lower learning rate" in sentence
    assert [event["iteration"] for event in stage.recorder.all("checkpoint_saved")] == [1, 2]
    assert stage.outside.read_model(-1)[0] <= 2, "no client ever plays with it"


def test_report_of_numpy_numbers_and_nan_reaches_status_and_metrics(staged, learner):
    learner.report = {"loss": np.float32(0.25), "entropy": np.float64("nan"), "steps": np.int64(4)}
    stage = staged(learner).start()
    stage.make_iterations(1)
    stage.stop()
    shown = stage.status().learner
    assert shown["loss"] == 0.25 and shown["steps"] == 4.0 and "entropy" not in shown
    assert stage.metrics.registry.get_sample_value("soulsai_learner", {"name": "loss"}) == 0.25


def test_garbled_episodes_heartbeats_and_commands_are_left_out(stage, caplog):
    with caplog.at_level(logging.WARNING):
        stage.outside.push_episode(b"{}")
        stage.outside.push_episode(b'{"id": "x-1", "client": "x", "total_reward": null}')
        stage.outside.heartbeat("odd", b"\xff")
        stage.outside.heartbeat("liar", b'{"id": "somebody else", "host": "h"}')
        assert stage.outside.command("c9", b"not json", timeout=0.3) is None
        stage.report(1)
        stage.recorder.wait("episode_finished")
        joined = stage.recorder.wait("client_joined", 2)
    assert {event["client"].id for event in joined} == {"odd", "liar"}
    assert caplog.text.count("episode could not be read") == 2 and "command could not be read" in caplog.text
    assert stage.take_in([0]) == (1, {})


def test_episodes_of_another_training_are_not_counted(stage):
    stranger = Episode("pc-1", "pc", 999.0, 5, 0, 1.0, run_id="yesterday")
    stage.outside.push_episode(msgspec.json.encode(stranger))
    own = stage.report(1, 5.0, client="other")
    assert stage.recorder.wait("episode_finished")[0]["episode"] == own
    stage.stop()
    assert (stage.status().mean_return, stage.status().episodes) == (5.0, 1)


@pytest.mark.parametrize("kind", [Gauge, Histogram])
def test_timing_is_measured_in_seconds_also_if_the_block_raises(staged, kind):
    stage, registry = staged(), CollectorRegistry()
    meter = kind("block_seconds", "A block", registry=registry)
    with pytest.raises(KeyError), stage.node.monitor_timing(meter):
        stage.clock.now += 2.5
        raise KeyError
    name = "block_seconds" if kind is Gauge else "block_seconds_sum"
    assert registry.get_sample_value(name) == 2.5


def test_times_of_updates_and_checkpoints_are_measured(staged, learner):
    stage = staged(learner, checkpoint_every=1)

    def slow():
        stage.clock.now += 3.0

    learner.before_update = slow
    save, learner.save = learner.save, lambda **options: (slow(), save(**options))[1]
    stage.start()
    stage.make_iterations(1)
    stage.recorder.wait("checkpoint_saved")
    stage.stop()
    value = stage.metrics.registry.get_sample_value
    assert stage.recorder.all("model_updated")[0]["seconds"] == 3.0
    assert value("soulsai_update_seconds_sum") == 3.0
    assert value("soulsai_checkpoint_seconds") == 3.0
    assert stage.status().learner["update_seconds"] == 3.0
