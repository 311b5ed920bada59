"""A run that is read from its folder."""

import json

import msgspec
import pytest

from soulsai_telemetry.ended_run import EndedRun


@pytest.fixture
def watched(training, start):
    """A run of these returns that telemetry watched to its end; returns its folder."""

    def watched(*returns, **settings):
        training.answer_commands()
        running = start(training.node(**settings))
        running.until(lambda: running.node.status is not None)  # as it began
        training.report_returns(*returns)
        running.until_recorded(len(returns))
        training.write_status(state="ended", reason="the goal is reached")
        running.until(lambda: not running.node.live)
        running.stop()
        return training.folder

    return watched


def test_watched_run_is_as_it_was_at_its_end(watched):
    run = EndedRun(watched(1, 2, 3, 4))
    assert run.history.curve("return").mean.tolist() == [1, 2, 3, 4]
    assert (run.status.health.state, run.live) == ("finished", False)
    assert "the goal is reached" in run.status.health.sentence
    assert [event.kind for event in run.events if event.kind in ("start", "end")] == ["start", "end"]
    assert len(run.status_history.curve("admitted").x) >= 1


def test_run_without_telemetry_has_the_training_nodes_episodes(save):
    run = EndedRun(save("run-0", [5, 7, 9]))
    curve = run.history.curve("return", "step")
    assert (curve.x.tolist(), curve.mean.tolist()) == ([10, 20, 30], [5, 7, 9])
    assert (run.status, run.events, run.update().saved) == (None, [], None)


def test_episodes_after_telemetry_ended_are_taken_from_the_training_node(save):
    folder = save("run-0", [5, 7, 9])
    rows = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]
    (folder / "telemetry").mkdir()
    first = {"entry": rows[0]["entry"], "time": 1.7e9, "number": 1, "steps": 0}
    episode = {key: rows[0][key] for key in ("id", "client", "total_reward", "length", "iteration", "seconds")}
    (folder / "telemetry" / "episodes.jsonl").write_text(json.dumps({**first, "episode": episode}) + "\n")
    assert EndedRun(folder).history.curve("return").mean.tolist() == [5, 7, 9]


def test_node_that_never_said_that_it_ended_is_silent(watched, training):
    folder = watched(1, 2, 3)
    summary = json.loads((folder / "telemetry" / "summary.json").read_text())
    summary["status"]["node"]["state"] = "running"
    (folder / "telemetry" / "summary.json").write_text(json.dumps(summary))
    health = EndedRun(folder).status.health
    assert (health.state, health.live) == ("silent", False)
    assert "silent" in health.sentence


def test_run_whose_node_was_killed_says_so(watched, training):
    folder = watched(1, 2, 3)
    training.write_status(state="running")
    (folder / "status.json").write_bytes(training.transport.read_status()[1])
    assert EndedRun(folder).status.health.state == "killed"


def test_run_whose_folder_was_copied_says_when_it_ended(watched, training):
    folder = watched(1, 2, 3)
    training.write_status(state="ended", reason="the goal is reached", time=1.6e9)
    (folder / "status.json").write_bytes(training.transport.read_status()[1])
    assert EndedRun(folder).status.health.since == 1.6e9


def test_nodes_own_last_status_counts_more_than_what_telemetry_saw(watched, training):
    folder = watched(1, 2, 3)
    payload = json.loads(training.transport.read_status()[1])
    (folder / "status.json").write_text(json.dumps({**payload, "reason": "it was asked to"}))
    assert "it was asked to" in EndedRun(folder).status.health.sentence


@pytest.mark.parametrize("name", ["summary.json", "events.jsonl", "status.jsonl", "episodes.jsonl", "best.json"])
def test_damaged_file_does_not_hide_the_rest(watched, name):
    folder = watched(1, 2, 3)
    (folder / "telemetry" / name).write_bytes(b"\xff{nonsense")
    run = EndedRun(folder)
    assert run.run_id == "run-1"
    assert run.send_command("quicksave").ok is False
    assert msgspec.json.encode(run.update().reports)


def test_metrics_are_those_of_the_runs_own_settings(save):
    folder = save("run-0", [5, 7])
    config = json.loads((folder / "config.json").read_text())
    config["telemetry"] = {"config": {"metrics": {"win": {"condition": "> 6"}}, "moving_average": 2}}
    (folder / "config.json").write_text(json.dumps(config))
    run = EndedRun(folder)
    assert run.history.curve("win").mean.tolist() == [0, 1]
    config["telemetry"] = {"config": {"unknown": 1}}
    (folder / "config.json").write_text(json.dumps(config))
    assert EndedRun(folder).config.moving_average == 50
