"""The loop of the node: updates that are due, goals, clients, shutdown, and what is measured."""

import logging
import threading

import msgspec
import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Gauge, Histogram
from waiting import wait_for

from soulsai_core.contracts import Sync
from soulsai_core.errors import AccessError, SoulsAIError
from soulsai_core.messages import Episode, Progress
from soulsai_core.threads import BackgroundWorker
from soulsai_core.transport.memory import MemoryTransport
from soulsai_core.wire import decode_weights


def test_update_is_made_once_there_are_enough_rows_and_published_before_the_learner_knows(harness):
    harness.take_in([0, 0, 0])
    assert harness.node.iteration == 0
    harness.take_in([0])
    harness.recorder.wait("model_updated")
    harness.stop()
    calls = harness.learner.calls
    assert calls[0] == ("started", False) and calls[-1] == "stopped"
    assert calls[1:-1] == ["add", "add", "update", ("updated", 1)]


def test_message_with_rows_for_several_updates_gives_them_all(harness):
    harness.send([0] * 12)
    assert [event["iteration"] for event in harness.recorder.wait("model_updated", 3)] == [1, 2, 3]


def test_rows_without_an_update_count_towards_the_next(harness):
    for rows in (3, 3, 3, 3):
        harness.take_in([harness.node.iteration] * rows)
    harness.recorder.wait("model_updated", 3)
    harness.take_in([3] * 3)
    assert harness.learner.updates == 3


def test_learner_that_says_when_it_is_ready_decides_by_itself_and_rows_do_not_add_up(make_harness, learner):
    answers = [False, False, True, False]
    learner.ready = lambda: answers.pop(0) if len(answers) > 1 else answers[0]
    harness = make_harness(learner).start()
    harness.recorder.wait("model_updated")
    harness.take_in([1] * 40)
    harness.take_in([1])
    assert learner.updates == 1
    learner.ready = lambda: None
    harness.take_in([1] * 3)
    assert learner.updates == 1, "the rows before are not counted"
    harness.take_in([1])
    harness.recorder.wait("model_updated", 2)


def test_learner_that_is_always_ready_gets_one_update_after_each_message_and_more_without_any(make_harness, learner):
    learner.ready = lambda: True
    harness = make_harness(learner, sync=Sync(10**9, 1)).start()
    harness.recorder.wait("model_updated", 3)
    harness.outside.push_samples([harness.message([0]) for _ in range(5)])
    harness.recorder.wait("samples_received", 5)
    harness.stop()
    calls = [call for call in learner.calls if call in ("add", "update")]
    first = calls.index("add")
    assert calls[first : first + 9] == ["add", "update"] * 4 + ["add"]


def test_spare_time_is_used_until_there_is_nothing_more_to_do(make_harness, learner):
    work = iter([True, True, False])
    worked = threading.Event()

    def use_spare_time():
        more = next(work, False)
        if not more:
            worked.set()
        return more

    learner.use_spare_time = use_spare_time
    harness = make_harness(learner).start()
    assert worked.wait(60)
    harness.take_in([0] * 4)
    harness.recorder.wait("model_updated")


def test_quota_travels_with_the_weights(make_harness, learner):
    learner.quota = lambda: 16 if learner.updates == 0 else None
    harness = make_harness(learner).start()
    assert decode_weights(*harness.outside.read_model(-1)).quota == 16
    harness.make_iterations(1)
    harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 1)
    assert decode_weights(*harness.outside.read_model(-1)).quota is None


def test_model_in_the_server_is_the_newest_and_its_progress_belongs_to_it(harness):
    harness.make_iterations(2)
    harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 2)
    assert harness.outside.read_model(-1)[0] == 2
    progress = harness.wait_progress(lambda progress: progress.iteration == 2)
    assert (progress.run_id, progress.state, progress.env_steps) == (harness.folder.name, "running", 8)


def test_progress_says_whether_messages_were_looked_at_since_the_last_one(make_harness, learner, monkeypatch):
    """A client must not take a message for lost that waits since an update takes long."""
    with_models = []
    publish = MemoryTransport.publish

    def noted(transport, iteration, payload, progress):
        with_models.append(msgspec.msgpack.decode(progress, type=Progress).busy)
        publish(transport, iteration, payload, progress)

    monkeypatch.setattr(MemoryTransport, "publish", noted)
    harness = make_harness(learner).start()
    harness.make_iterations(2)
    harness.clock.now += 3
    harness.wait_progress(lambda progress: progress.iteration == 2 and not progress.busy)
    assert with_models and all(with_models)


def test_progress_acknowledges_what_was_taken_in_even_without_an_update(harness):
    harness.take_in([0], "a", number=3)
    assert harness.wait_progress(lambda progress: progress.acked).acked == {"a": 3}


def test_window_is_shared_by_the_clients_that_are_present(make_harness):
    harness = make_harness(sync=Sync(max_staleness=3, rows_per_iteration=60)).start()
    assert harness.progress().window == 120
    harness.heartbeat("a")
    harness.heartbeat("b")
    harness.wait_progress(lambda progress: progress.window == 30)


def test_window_is_shared_by_contributors_whatever_number_of_clients_they_have(make_harness):
    harness = make_harness(sync=Sync(max_staleness=7, rows_per_iteration=20)).start()
    for client in ("bob@a", "bob@b", "bob@c", "eve@pc", "own-1", "own-2"):
        harness.heartbeat(client)
    harness.wait_progress(lambda progress: progress.window == 15 and len(progress.windows) == 3)
    progress = harness.progress()
    assert [progress.window_of(client) for client in ("bob@a", "bob@c", "eve@pc", "own-1")] == [5, 5, 15, 15]


def test_clients_of_a_contributor_have_a_window_each_where_each_makes_its_part_of_a_round(make_harness):
    harness = make_harness(sync=Sync(max_staleness=1, rows_per_iteration=40, required_clients=2)).start()
    for client in ("bob@a", "bob@b"):
        harness.heartbeat(client)
    assert harness.wait_progress(lambda progress: progress.windows).windows == {"bob@a": 40, "bob@b": 40}


def test_window_of_many_clients_is_two_rows_while_rows_arrive_young_and_one_otherwise(make_harness, learner):
    """With two rows no client has to wait for an acknowledgment after each step."""
    harness = make_harness(learner, sync=Sync(max_staleness=3, rows_per_iteration=4)).start()
    for client in "abcdefgh":
        harness.heartbeat(client)
    harness.wait_progress(lambda progress: progress.window == 2)
    harness.make_iterations(2)
    learner.ready = lambda: False  # the rows that follow stay two iterations old
    for _ in range(100):
        harness.take_in([0])
    progress = harness.wait_progress(lambda progress: progress.window == 1)
    assert {progress.window_of(client) for client in "abcdefgh"} == {1}


def test_window_is_that_of_all_required_clients(make_harness):
    harness = make_harness(sync=Sync(max_staleness=1, rows_per_iteration=40, required_clients=8)).start()
    assert harness.progress().window == 10


@pytest.fixture
def synchronous(make_harness):
    """A node whose iterations wait for two clients, each with a rollout of 20 rows."""
    return make_harness(sync=Sync(max_staleness=1, rows_per_iteration=40, required_clients=2)).start()


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


def test_env_steps_goal_is_not_overshot_though_more_messages_wait(make_harness):
    harness = make_harness(stop={"env_steps": 10}).start()
    harness.outside.push_samples([harness.message([0, 0]) for _ in range(50)])
    assert harness.join() == "the goal of 10 environment steps is reached" and harness.node.env_steps == 10
    assert harness.outside.backlog() == 45, "the rest is kept for whoever resumes"


def test_iterations_goal_is_not_overshot_though_more_rows_wait(make_harness):
    harness = make_harness(stop={"iterations": 3}).start()
    harness.send([0] * 400)
    assert harness.join() == "the goal of 3 iterations is reached" and harness.learner.updates == 3


def test_seconds_goal_ends_training_without_any_client(make_harness):
    harness = make_harness(stop={"seconds": 60}).start()
    harness.clock.now += 61
    assert harness.join() == "the time of 1 min 00 s is over"


def test_mean_return_goal_waits_for_a_full_window(make_harness):
    harness = make_harness(stop={"mean_return": 100, "episodes": 3}).start()
    for number, reward in enumerate((500, 500), start=1):
        harness.report(number, reward)
    harness.recorder.wait("episode_finished", 2)
    harness.take_in([0])
    harness.report(3, -1000)
    harness.recorder.wait("episode_finished", 3)
    harness.take_in([0])
    assert harness.node._state.stop_reason is None, "a mean of 0 is not enough"
    harness.report(4, 900)
    assert harness.join() == "the goal of a mean return of 100.0 over 3 episodes is reached"


def test_updates_wait_until_the_required_clients_are_present(make_harness):
    harness = make_harness(sync=Sync(max_staleness=1, rows_per_iteration=4, required_clients=2)).start()
    harness.heartbeat("a")
    harness.take_in([0] * 4, "a")
    harness.recorder.wait("client_joined")
    harness.take_in([0], "a")
    assert harness.learner.updates == 0
    harness.heartbeat("b")
    harness.recorder.wait("model_updated")
    assert harness.learner.updates == 1, "though the second client sent nothing"


def test_learner_gets_the_clients_that_are_present(harness):
    harness.heartbeat("a")
    harness.recorder.wait("client_joined")
    assert wait_for("the clients", lambda: ("clients", frozenset({"a"})) in harness.learner.calls)


def test_training_ends_with_a_checkpoint_for_the_reason_that_the_learner_gives(harness):
    harness.make_iterations(1)
    assert harness.learner.finished() is None
    harness.learner.finished = lambda: "everything is learned"
    assert harness.join() == "everything is learned"
    assert harness.recorder.all("checkpoint_saved")[-1]["kind"] == "final"


def test_shutdown_ends_after_the_current_update_with_the_first_reason(make_harness, learner):
    harness = make_harness(learner)
    inside, go_on = threading.Event(), threading.Event()
    learner.before_update = lambda: (inside.set(), go_on.wait(60))
    harness.start()
    harness.send([0] * 40)
    assert inside.wait(60)
    harness.node.shutdown("somebody asked")
    harness.node.shutdown("somebody else asked")
    go_on.set()
    assert harness.join() == "somebody asked" and learner.updates == 1


def test_clients_are_told_to_leave(harness):
    harness.stop()
    assert harness.progress().state == "stopping" and harness.status().state == "ended"


def test_error_of_the_learner_is_raised_and_everything_is_closed(make_harness, learner):
    harness = make_harness(learner).start()
    learner.before_update = lambda: 1 / 0
    harness.send([0] * 4)
    with pytest.raises(ZeroDivisionError):
        harness.join()
    assert harness.recorder.all("training_stopped") == [{"reason": "error"}]
    assert learner.calls[-1] == "stopped" and harness.progress().state == "stopping"
    assert not harness.folder.checkpoint.exists()
    assert (harness.status().state, harness.status().failed) == ("ended", True)
    assert harness.status().reason == "ZeroDivisionError: division by zero"


class Worker(BackgroundWorker):
    """Notes when it is prepared, started and closed; `failure` is what ended its thread."""

    def __init__(self):
        self.calls = []
        self.failure = None
        self.outside = None

    def prepare(self):
        self.calls.append(("prepare", self.outside.read_config()))

    def start(self):
        self.calls.append(("start", self.outside.read_config() is not None))

    def check(self):
        if self.failure is not None:
            raise self.failure

    def stop(self):
        pass

    def close(self):
        self.calls.append(("close", self.outside.read_status() is not None))


def test_given_thread_is_prepared_before_anything_is_written_and_closed_at_the_end(make_harness):
    worker = Worker()
    harness = make_harness(threads=[worker])
    worker.outside = harness.outside
    harness.start()
    harness.take_in([0])
    harness.command("quicksave")
    harness.stop()
    assert worker.calls == [("prepare", None), ("start", True), ("close", True)]


def test_error_that_ended_a_given_thread_ends_the_training(make_harness):
    worker = Worker()
    harness = make_harness(threads=[worker])
    worker.outside = harness.outside
    harness.start()
    worker.failure = AccessError("wrong password")
    with pytest.raises(AccessError, match="wrong password"):
        harness.join()
    assert worker.calls[-1][0] == "close"


def test_learner_that_fails_while_stopping_leaves_no_thread_behind(make_harness, learner):
    def fail():
        raise ValueError("cannot stop")

    before = set(threading.enumerate())
    learner.stopped = fail
    harness = make_harness(learner).start()
    harness.node.shutdown("enough")
    with pytest.raises(ValueError, match="cannot stop"):
        harness.join()
    assert harness.recorder.all("training_stopped") == [{"reason": "enough"}]
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("method", ["publish", "read_samples", "read_commands"])
def test_refusal_by_the_server_ends_training_with_its_sentence(harness, monkeypatch, method):
    def refuse(*args, **options):
        raise AccessError("wrong password")

    monkeypatch.setattr(harness.transport._transport, method, refuse)
    harness.send([0] * 4)
    with pytest.raises(AccessError, match="wrong password"):
        harness.join()


def test_learner_that_diverges_stops_with_a_sentence_and_keeps_the_last_checkpoint(make_harness, learner):
    harness = make_harness(learner, checkpoint_every=1)
    learner.diverges_at = 3
    harness.start()
    harness.send([0] * 12)
    with pytest.raises(SoulsAIError) as caught:
        harness.join()
    sentence = str(caught.value)
    assert "has diverged: Learner.weights gave nan in 'w'" in sentence
    assert str(harness.folder.checkpoint) in sentence and "lower learning rate" in sentence
    assert {event["iteration"] for event in harness.recorder.all("checkpoint_saved")} <= {1, 2}
    assert harness.outside.read_model(-1)[0] <= 2, "no client ever plays with it"


def test_report_of_numpy_numbers_and_nan_reaches_status_and_metrics(make_harness, learner):
    learner.report = {"loss": np.float32(0.25), "entropy": np.float64("nan"), "steps": np.int64(4)}
    harness = make_harness(learner).start()
    harness.make_iterations(1)
    harness.stop()
    status = harness.status()
    assert status.learner["loss"] == 0.25 and status.learner["steps"] == 4.0 and "entropy" not in status.learner
    assert status.not_finite == ("entropy",)
    assert harness.recorder.all("model_updated")[0]["metrics"] == {"loss": 0.25, "steps": 4.0}
    assert harness.metrics.registry.get_sample_value("soulsai_learner", {"name": "loss"}) == 0.25


def test_garbled_episodes_heartbeats_and_commands_are_left_out(harness, caplog):
    with caplog.at_level(logging.WARNING):
        harness.outside.push_episodes([b"{}"])
        harness.outside.push_episodes([b'{"id": "x-1", "client": "x", "total_reward": null}'])
        harness.outside.heartbeat("odd", b"\xff")
        harness.outside.heartbeat("liar", b'{"id": "somebody else", "host": "h"}')
        assert harness.outside.command("c9", b"not json", timeout=0.3) is None
        harness.report(1)
        harness.recorder.wait("episode_finished")
        joined = harness.recorder.wait("client_joined", 2)
    assert {event["client"].id for event in joined} == {"odd", "liar"}
    assert caplog.text.count("episode could not be read") == 2 and "command could not be read" in caplog.text
    assert harness.take_in([0]) == (1, {})


def test_episodes_of_another_training_are_not_counted(harness):
    stranger = Episode("pc-1", "pc", 999.0, 5, 0, 1.0, run_id="yesterday")
    harness.outside.push_episodes([msgspec.json.encode(stranger)])
    own = harness.report(1, 5.0, client="other")
    assert harness.recorder.wait("episode_finished")[0]["episode"] == own
    harness.stop()
    assert (harness.status().mean_return, harness.status().episodes) == (5.0, 1)


@pytest.mark.parametrize("kind", [Gauge, Histogram])
def test_timing_is_measured_in_seconds_also_if_the_block_raises(make_harness, kind):
    harness, registry = make_harness(), CollectorRegistry()
    meter = kind("block_seconds", "A block", registry=registry)
    with pytest.raises(KeyError), harness.node.monitor_timing(meter):
        harness.clock.now += 2.5
        raise KeyError
    name = "block_seconds" if kind is Gauge else "block_seconds_sum"
    assert registry.get_sample_value(name) == 2.5


def test_times_of_updates_and_checkpoints_are_measured(make_harness, learner):
    harness = make_harness(learner, checkpoint_every=1)

    def slow():
        harness.clock.now += 3.0

    learner.before_update = slow
    save, learner.save = learner.save, lambda **options: (slow(), save(**options))[1]
    harness.start()
    harness.make_iterations(1)
    harness.recorder.wait("checkpoint_saved")
    harness.stop()
    value = harness.metrics.registry.get_sample_value
    assert harness.recorder.all("model_updated")[0]["seconds"] == 3.0
    assert value("soulsai_update_seconds_sum") == 3.0
    assert value("soulsai_checkpoint_seconds") == 3.0
    assert harness.status().learner["update_seconds"] == 3.0
