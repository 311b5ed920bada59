"""Checkpoints, commands and resume, through the same calls that the command line uses."""

import json
import logging
import shutil
import threading
from pathlib import Path

import msgspec
import pytest
from waiting import wait_for

from soulsai_core import checkpoint
from soulsai_core.contracts import Sync
from soulsai_core.errors import CheckpointError
from soulsai_core.journal.disk import OpenFile
from soulsai_core.messages import Command, Reply, State
from soulsai_core.node.saving.saver import CheckpointOptions, evaluation_weights
from soulsai_core.run_folder import RunFolder


@pytest.fixture
def full_disk(monkeypatch):
    """A function: from now on no checkpoint can be written; called with False, it can again."""
    original = OpenFile.write

    def write(self, data):
        if ".new" in self.path.parent.name:
            raise OSError(28, "No space left on device")
        original(self, data)

    return lambda full=True: monkeypatch.setattr(OpenFile, "write", write if full else original)


def test_checkpoint_is_written_every_so_many_iterations_and_at_the_end(make_harness):
    harness = make_harness(checkpoint_every=2).start()
    for count in (1, 2):
        harness.make_iterations(2)
        harness.recorder.wait("checkpoint_saved", count)
    harness.make_iterations(1)
    harness.stop()
    saved = [(event["iteration"], event["kind"]) for event in harness.recorder.all("checkpoint_saved")]
    assert saved == [(2, "periodic"), (4, "periodic"), (5, "final")]
    assert {event["path"] for event in harness.recorder.all("checkpoint_saved")} == {harness.folder.checkpoint}


def test_configuration_is_saved_at_the_start_and_comes_back(harness):
    path = harness.folder.path / "config.json"
    assert json.loads(path.read_text()) == {"algorithm": {"name": "counting"}}
    harness.node.save_config(harness.folder.path / "other.json")
    assert harness.node.load_config(harness.folder.path / "other.json") == {"algorithm": {"name": "counting"}}


def test_quicksave_is_answered_with_a_path_that_loads(harness, make_harness, new_learner):
    harness.make_iterations(2)
    reply = harness.command("quicksave", buffer=True)
    assert reply.ok and Path(reply.detail).parent == harness.folder.path / "manual_save"
    other = make_harness(new_learner())
    other.node.load_checkpoint(Path(reply.detail))
    assert (other.node.iteration, other.node.env_steps, other.learner.updates) == (2, 8, 2)
    assert harness.take_in([2]) == (1, {}), "and training went on"
    harness.stop()
    other.start()
    assert other.learner.calls[1:4] == ["restore", "restore", ("restored", True)]
    assert len(other.learner.rows) == 8, "the rows came with the checkpoint"


def test_quicksave_without_the_buffer_is_the_default(harness):
    harness.make_iterations(1)
    assert not (Path(harness.command("quicksave").detail) / "journal").exists()


def test_file_system_without_links_gets_copies_for_saves_alone(make_harness, new_learner, monkeypatch, tmp_path):
    """The run's own checkpoint lies next to the journal, which would be copied once a minute."""

    def refuse(*paths):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    harness = make_harness(new_learner()).start()
    harness.make_iterations(2)
    save = Path(harness.command("quicksave", buffer=True).detail)
    harness.stop()
    assert not (harness.folder.checkpoint / "journal").exists() and any((save / "journal").iterdir())
    again = resumed(make_harness, new_learner, harness).start()
    assert len(again.learner.rows) == 8
    again.stop()
    elsewhere = tmp_path / "stick" / "save"
    shutil.copytree(save, elsewhere)
    other = make_harness(new_learner())
    other.node.load_checkpoint(elsewhere)
    other.start()
    assert len(other.learner.rows) == 8


def test_quicksaves_of_one_iteration_do_not_overwrite_each_other(harness):
    paths = {harness.command("quicksave").detail for _ in range(3)}
    assert len(paths) == 3 and all(Path(path).is_dir() for path in paths)


def test_best_model_has_one_place_and_is_replaced(harness):
    assert harness.command("save_best").detail == str(harness.folder.best_model)
    harness.make_iterations(1)
    assert harness.command("save_best").ok
    assert checkpoint.read(harness.folder.best_model)[1]["iteration"] == 1
    assert [event["kind"] for event in harness.recorder.wait("checkpoint_saved", 2)] == ["best", "best"]


def test_best_models_before_the_best_one_are_kept_by_setting(make_harness, new_learner):
    harness = make_harness(new_learner(), best_models_kept=3).start()
    for _ in range(5):
        harness.make_iterations(1)
        assert harness.command("save_best").ok
    assert evaluation_weights(harness.folder.best_model).iteration == 5
    earlier = sorted(harness.folder.earlier_best.iterdir())
    assert [path.name for path in earlier] == ["iteration-00000003", "iteration-00000004"]
    assert [evaluation_weights(path).iteration for path in earlier] == [3, 4]
    assert RunFolder.holding(earlier[0])[0].path == harness.folder.path


def test_checkpoints_before_the_newest_are_kept_by_setting_and_complete(make_harness, new_learner, tmp_path):
    harness = make_harness(new_learner(), checkpoints_kept=2, checkpoint_every=1).start()
    for count in range(1, 4):
        harness.make_iterations(1)
        harness.recorder.wait("checkpoint_saved", count)
    harness.stop()
    [earlier] = harness.folder.earlier.iterdir()
    assert evaluation_weights(harness.folder.checkpoint).iteration == 3
    assert evaluation_weights(earlier).iteration == 2, "and not 3 twice, although it is written once more at the end"
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(earlier, elsewhere)
    other = make_harness(new_learner())
    other.node.load_checkpoint(elsewhere)
    other.start()
    assert other.node.iteration == 2 and len(other.learner.rows) == 8


def test_shutdown_is_answered_and_obeyed(harness):
    reply = harness.command("shutdown")
    assert reply.ok and str(harness.folder.checkpoint) in reply.detail
    assert harness.join() == "a shutdown was asked for"
    assert checkpoint.read(harness.folder.checkpoint)[1]["iteration"] == 0


def test_unknown_command_is_answered_with_the_known_ones(harness):
    reply = harness.command("make_coffee")
    assert not reply.ok
    known = "quicksave, save_best, set, set_back and shutdown"
    assert reply.detail == f"There is no command 'make_coffee'; there are {known}."
    assert harness.take_in([0]) == (1, {})


def test_commands_are_answered_between_the_updates_of_one_message(make_harness, learner):
    harness = make_harness(learner).start()
    replies = []
    learner.before_update = lambda: learner.updates == 1 and replies.append(harness.outside._send(SAVE))
    harness.send([0] * 40)
    harness.recorder.wait("model_updated", 10)
    harness.recorder.wait("checkpoint_saved")
    assert learner.updates == 10 and len(replies) == 1


SAVE = b'{"id": "c5", "name": "quicksave"}'


def test_full_disk_at_a_checkpoint_does_not_stop_training(make_harness, full_disk, caplog):
    harness = make_harness(checkpoint_every=1).start()
    harness.make_iterations(1)
    harness.recorder.wait("checkpoint_saved")
    full_disk()
    with caplog.at_level(logging.ERROR):
        harness.make_iterations(2)
        wait_for("the failure", lambda: harness.status().problems)
        [problem] = harness.status().problems
        assert problem.name == "checkpoint" and "No space left on device" in problem.sentence
    assert "could not be written: [Errno 28] No space left on device" in caplog.text
    assert checkpoint.read(harness.folder.checkpoint)[1]["iteration"] == 1, "the old one is still there"
    full_disk(False)
    harness.make_iterations(1)
    wait_for("the next checkpoint", lambda: not harness.status().problems)
    harness.stop()
    assert checkpoint.read(harness.folder.checkpoint)[1]["iteration"] == 4


def test_full_disk_at_a_quicksave_is_answered_with_the_reason(harness, full_disk):
    full_disk()
    reply = harness.command("quicksave")
    assert not reply.ok and "No space left" in reply.detail
    assert harness.take_in([0]) == (1, {})


def test_full_disk_at_the_end_is_an_error_that_says_so(harness, full_disk):
    harness.make_iterations(1)
    full_disk()
    with pytest.raises(CheckpointError, match=r"could not be written: .*No space left"):
        harness.stop()
    assert harness.recorder.wait("training_stopped")


def test_full_disk_below_the_episodes_loses_none(harness, monkeypatch, caplog):
    original = Path.open

    def full(self, *args, **options):
        if self.name == "episodes.jsonl":
            tried.release()
            raise OSError(28, "No space left on device")
        return original(self, *args, **options)

    tried = threading.Semaphore(0)
    monkeypatch.setattr(Path, "open", full)
    harness.report(1)
    assert all(tried.acquire(timeout=60) for _ in range(2))
    assert harness.take_in([0]) == (1, {}), "training goes on"
    monkeypatch.undo()
    harness.report(2)
    assert len(harness.recorder.wait("episode_finished", 2)) == 2
    assert [r.levelname for r in caplog.records if "Episodes cannot be written" in r.message] == ["ERROR"]
    assert len(harness.folder.episodes.read_text().splitlines()) == 2


def test_learner_whose_values_are_not_json_does_not_stop_training(make_harness, learner, caplog):
    harness = make_harness(learner, checkpoint_every=1).start()
    save = learner.save
    learner.save = lambda **options: State({}, {"best_score": float("-inf")})
    harness.make_iterations(2)
    assert harness.command("quicksave").ok is False
    assert "the learner's values are not JSON" in caplog.text
    learner.save = save
    assert harness.stop() == "the test is over"


def test_weights_for_playing_are_a_part_of_their_own_that_the_learner_does_not_see(harness, make_harness, new_learner):
    harness.make_iterations(2)
    path = Path(harness.command("quicksave").detail)
    weights = evaluation_weights(path)
    assert (weights.iteration, weights.env_steps, weights.quota) == (2, 8, None)
    assert weights.arrays["w"].tolist() == [-2, -2]
    other = make_harness(new_learner())
    other.node.load_checkpoint(path)
    assert other.learner.loaded.arrays.keys() == {"network"}


def test_learner_may_not_save_a_part_with_the_name_of_the_nodes_part(harness):
    harness.learner.save = lambda **_: State({"evaluation": {}}, {})
    reply = harness.command("quicksave")
    assert not reply.ok and "'evaluation', which the node adds" in reply.detail


# -- resume


def trained(make_harness, new_learner, iterations=3, **settings):
    """A node that trained and stopped: 3 iterations, 12 steps, 2 episodes, 100 seconds."""
    harness = make_harness(new_learner(), **settings).start()
    harness.make_iterations(iterations)
    harness.report(1, 10.0)
    harness.report(2, 20.0)
    harness.recorder.wait("episode_finished", 2)
    harness.clock.now += 100
    harness.stop()
    return harness


def resumed(make_harness, new_learner, earlier, **settings):
    harness = make_harness(new_learner(), folder=RunFolder(earlier.folder.path), **settings)
    harness.node.load_checkpoint(harness.folder.checkpoint)
    return harness


def test_resume_restores_counters_learner_episodes_and_mean_return(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    harness = resumed(make_harness, new_learner, earlier).start()
    assert (harness.node.iteration, harness.node.env_steps) == (3, 12)
    assert harness.learner.updates == 3 and len(harness.learner.rows) == 12
    assert harness.learner.calls[0] == ("started", True)
    harness.clock.now += 10
    harness.stop()
    status = harness.status()
    assert (status.episodes, status.mean_return, status.elapsed) == (2, 15.0, 110.0)
    assert status.run_id == earlier.folder.name


def test_run_goes_on_in_a_folder_that_was_moved(make_harness, new_learner, tmp_path):
    earlier = trained(make_harness, new_learner)
    moved = tmp_path / "elsewhere" / earlier.folder.name
    moved.parent.mkdir()
    earlier.folder.path.rename(moved)
    earlier.outside.clear()  # on another machine the server is another one
    harness = make_harness(new_learner(), folder=RunFolder(moved))
    harness.node.resume()
    harness.start()
    assert (harness.node.iteration, harness.node.env_steps, len(harness.learner.rows)) == (3, 12, 12)
    assert harness.take_in([3], "another") == (1, {})
    harness.stop()
    assert checkpoint.read(moved / "checkpoint")[1]["env_steps"] == 13 and not earlier.folder.path.exists()


def test_run_that_was_killed_before_its_first_checkpoint_goes_on_from_its_journal(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    shutil.rmtree(earlier.folder.checkpoint)
    harness = make_harness(new_learner(), folder=RunFolder(earlier.folder.path))
    harness.node.resume()
    harness.start()
    assert harness.node.env_steps == 12 and len(harness.learner.rows) == 12
    assert harness.node.iteration == 4, "newer than any model that a client has"


def test_learner_that_is_not_ready_any_more_gets_no_update_for_what_the_journal_has(make_harness, new_learner):
    """For example with a setting that lets it begin later."""
    earlier = trained(make_harness, new_learner)
    shutil.rmtree(earlier.folder.checkpoint)
    learner = new_learner()
    learner.ready = lambda: False
    harness = make_harness(learner, folder=RunFolder(earlier.folder.path))
    harness.node.resume()
    harness.start()
    assert len(learner.rows) == 12 and learner.updates == 0


@pytest.mark.parametrize(("catch_up", "owed"), [(1, 3), (0, 0)])
def test_updates_that_are_owed_are_made_in_time_that_is_left_without_an_iteration(
    make_harness, new_learner, catch_up, owed
):
    earlier = trained(make_harness, new_learner)
    shutil.rmtree(earlier.folder.checkpoint)
    harness = make_harness(new_learner(), folder=RunFolder(earlier.folder.path), catch_up=catch_up)
    harness.node.resume()
    harness.start()
    before = harness.node.iteration
    wait_for("the updates that are owed", lambda: harness.learner.updates == owed)
    harness.send([before] * 4, "another")
    harness.recorder.wait("model_updated", where=lambda a: a["iteration"] == before + 1)
    assert harness.learner.updates == owed + 1


def test_resumed_node_does_not_read_old_episodes_again(make_harness, new_learner):
    harness = resumed(make_harness, new_learner, trained(make_harness, new_learner)).start()
    harness.report(3, 30.0)
    harness.recorder.wait("episode_finished")
    harness.stop()
    assert [event["episode"].total_reward for event in harness.recorder.all("episode_finished")] == [30.0]
    assert harness.status().episodes == 3


def test_iterations_never_run_backwards_although_clients_saw_newer_ones_than_the_checkpoint(
    make_harness, new_learner, full_disk
):
    harness = make_harness(new_learner(), checkpoint_every=2).start()
    harness.make_iterations(2)
    harness.recorder.wait("checkpoint_saved")
    full_disk()
    harness.make_iterations(3)
    harness.recorder.wait("weights_published", where=lambda a: a["iteration"] == 5)
    with pytest.raises(CheckpointError):
        harness.stop()
    full_disk(False)
    again = resumed(make_harness, new_learner, harness)
    assert again.node.iteration == 2
    again.start()
    assert again.node.env_steps == 5 * 4, "the journal has what came after the checkpoint"
    assert again.node.iteration == 6 == again.outside.read_model(-1)[0]
    assert again.take_in([5, 6], "another") == (2, {}), "what the clients sampled meanwhile is fresh enough"


def test_resumed_training_takes_in_what_waited_in_the_server(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    earlier.outside.push_samples([earlier.message([3] * 4)])
    harness = resumed(make_harness, new_learner, earlier).start()
    assert harness.recorder.wait("model_updated")[0]["iteration"] == 4


def test_what_waited_in_the_server_is_taken_in_before_the_first_update_makes_it_old(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    earlier.outside.push_samples([earlier.message([3] * 4) for _ in range(5)])
    harness = resumed(make_harness, new_learner, earlier, sync=Sync(max_staleness=1, rows_per_iteration=4)).start()
    harness.recorder.wait("model_updated", 5)
    assert harness.node.env_steps == 12 + 20


def test_rows_that_had_no_update_yet_are_counted_after_a_resume(make_harness, new_learner):
    earlier = make_harness(new_learner()).start()
    earlier.take_in([0] * 3)
    earlier.stop()
    harness = resumed(make_harness, new_learner, earlier).start()
    harness.take_in([0], "another")
    assert harness.recorder.wait("model_updated")[0]["iteration"] == 1


def test_resume_after_another_training_used_the_server_does_not_mix_them(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    other = trained(make_harness, new_learner, iterations=8)
    harness = resumed(make_harness, new_learner, earlier).start()
    assert harness.node.iteration == 3
    harness.take_in([3], "another")
    harness.stop()
    assert harness.status().episodes == 2 and other.folder.name != harness.folder.name


def test_resume_with_an_empty_server_announces_everything_again(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    earlier.outside.clear()
    harness = resumed(make_harness, new_learner, earlier).start()
    assert harness.outside.read_model(-1)[0] == 3 and harness.outside.read_config() is not None


def test_goal_counts_what_was_trained_before_the_resume(make_harness, new_learner):
    earlier = trained(make_harness, new_learner)
    harness = resumed(make_harness, new_learner, earlier, stop={"env_steps": 12})
    harness.start()
    assert harness.join() == "the goal of 12 environment steps is reached"


def test_checkpoint_of_another_training_is_refused(make_harness, tmp_path):
    node = make_harness().node
    node.checkpoint(tmp_path / "save")
    manifest = tmp_path / "save" / "manifest.json"
    content = json.loads(manifest.read_text())
    assert content["identity"].keys() == {"algorithm", "environment", "spaces"}
    for key in content["identity"]:
        other = {**content, "identity": {**content["identity"], key: "something else"}}
        manifest.write_text(json.dumps(other))
        with pytest.raises(CheckpointError, match=f'its {key} is "something else"'):
            node.load_checkpoint(tmp_path / "save")


def test_checkpoint_without_counters_is_refused(make_harness, tmp_path):
    harness = make_harness()
    harness.node.checkpoint(tmp_path / "save")
    state, _ = checkpoint.read(tmp_path / "save")
    identity = json.loads((tmp_path / "save" / "manifest.json").read_text())["identity"]
    checkpoint.write(tmp_path / "save", state, {"iteration": "many"}, identity)
    with pytest.raises(CheckpointError, match="lacks the node's counters"):
        harness.node.load_checkpoint(tmp_path / "save")


def test_checkpoint_before_the_run_can_be_loaded_by_another_node(make_harness, new_learner, tmp_path):
    harness = make_harness(new_learner())
    harness.learner.updates = 9
    harness.node.checkpoint(tmp_path / "save", CheckpointOptions(buffer=False))
    other = make_harness(new_learner())
    other.node.load_checkpoint(tmp_path / "save")
    assert other.learner.updates == 9


@pytest.fixture
def ask(make_harness, monkeypatch):
    """(settings by name) -> a harness, and a function that sends requests for saves, as a user who may send no
    commands."""

    def make(**settings):
        harness = make_harness(**settings)
        waiting = []
        monkeypatch.setattr(harness.transport, "read_requests", lambda: [waiting.pop() for _ in range(len(waiting))])
        harness.start()

        def send(*identifiers, name="quicksave", **options):
            # At once, so that the node does not read a part of them.
            waiting.extend([msgspec.json.encode(Command(one, name, options)) for one in identifiers])

        return harness, send

    return make


def reply_to(harness, identifier):
    [payload] = wait_for("the reply", lambda: harness.server.replies.get(identifier))
    return msgspec.json.decode(payload, type=Reply)


def test_requests_for_the_same_are_one_save_and_further_ones_wait(ask, clock):
    harness, send = ask()
    first = [f"r{number}" for number in range(10)]
    send(*first)
    assert len({reply_to(harness, one).detail for one in first}) == 1
    send(*(f"s{number}" for number in range(900)))
    harness.make_iterations(2)
    assert harness.folder.manual_saves() == 1
    clock.now += 6
    wait_for("the next save", lambda: harness.folder.manual_saves() == 2)
    wait_for("the replies", lambda: len(harness.server.replies) == 10 + 16)
    assert len(harness.recorder.all("checkpoint_saved")) == 2


def test_requests_fill_no_disk_and_leave_the_saves_of_the_host(ask, clock):
    harness, send = ask(max_requested_saves=2)
    for number in range(3):
        clock.now += 6
        send(f"r{number}", buffer=True)
        assert reply_to(harness, f"r{number}").ok == (number < 2)
    assert "remove some, or raise training.max_requested_saves" in reply_to(harness, "r2").detail
    assert harness.command("quicksave").ok and harness.folder.manual_saves() == 3


def test_request_for_anything_but_a_save_is_left_out(ask):
    harness, send = ask()
    send("r1", name="shutdown")
    send("x" * 65)
    send("r2")
    send("r3", name="nonsense" * 5000)
    assert reply_to(harness, "r2").ok
    assert harness.server.replies.keys() == {"r2"}


def test_request_for_a_change_needs_the_setting_that_allows_it(ask):
    harness, send = ask()
    send("r1", name="set", settings=["training.checkpoint_every=7"], origin="the page")
    reply = reply_to(harness, "r1")
    assert not reply.ok and "training.changes_from_page" in reply.detail
    assert not harness.folder.changes.exists()


def test_requests_for_changes_are_obeyed_one_a_second_and_recorded_as_those_of_telemetry(ask, clock):
    harness, send = ask(changes_from_page=True, config={"training": {"changes_from_page": True}})
    send("r1", name="set", settings=["training.stop.seconds=1000"], origin="ann\x1b[2J")
    assert "stop.seconds: null -> 1000" in reply_to(harness, "r1").detail
    send("r2", name="set_back", origin="root on host")
    harness.make_iterations(2)
    assert "r2" not in harness.server.replies
    clock.now += 1.5
    assert "stop.seconds: 1000.0 -> null" in reply_to(harness, "r2").detail
    origins = [change.origin for change in harness.node._report.update(0).changes]
    assert [origin.partition(":")[0] for origin in origins] == ["telemetry", "telemetry"]
    assert "\x1b" not in origins[0]


def test_flood_of_requests_for_changes_is_left_out(ask, clock):
    harness, send = ask(changes_from_page=True)
    send(*(f"r{number}" for number in range(900)), name="set", settings=["training.checkpoint_every=7"])
    wait_for("the first reply", lambda: harness.server.replies)
    for _ in range(20):
        clock.now += 1.5
        harness.make_iterations(1)
    assert len(harness.server.replies) <= 17


def test_node_that_stops_waits_for_the_last_save_of_the_best_model(harness, monkeypatch):
    monkeypatch.setattr("soulsai_core.node.settling.TURNS", 10_000)
    assert harness.command("save_best").ok
    harness.make_iterations(2)
    harness.node.shutdown("enough")
    harness.wait_progress(lambda progress: progress.state == "stopping")
    assert harness.command("save_best").ok
    assert evaluation_weights(harness.folder.best_model).iteration == 2
    assert harness.command("best_is_saved").ok
    assert harness.join() == "enough"


def test_episodes_of_clients_that_are_leaving_count(harness, monkeypatch):
    monkeypatch.setattr("soulsai_core.node.settling.TURNS", 10_000)
    harness.heartbeat()
    harness.recorder.wait("client_joined")
    harness.node.shutdown("enough")
    harness.wait_progress(lambda progress: progress.state == "stopping")
    harness.report(1)
    harness.recorder.wait("episode_finished")
    harness.outside.remove_client("pc")
    assert harness.join() == "enough" and harness.status().episodes == 1
