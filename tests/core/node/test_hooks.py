"""Each hook is called at its time with its arguments. The tests of the documentation look for its description."""

from pathlib import Path

import pytest

from soulsai_core.hooks.hookspecs import HookSpecs
from soulsai_core.messages import ClientInfo

HOOKS = [name for name in vars(HookSpecs) if not name.startswith("_")]


def test_training_started(make_harness):
    harness = make_harness().start()
    assert harness.recorder.all("training_started") == [
        {"run": harness.folder.name, "folder": harness.folder.path, "resumed": False}
    ]
    assert harness.recorder.events[0][0] == "training_started"


def test_training_started_says_that_it_was_resumed(make_harness, tmp_path):
    harness = make_harness()
    harness.node.checkpoint(tmp_path / "save")
    harness.node.load_checkpoint(tmp_path / "save")
    harness.start()
    assert harness.recorder.all("training_started")[0]["resumed"] is True


def test_client_joined(harness):
    harness.heartbeat("a", env_steps=3)
    assert harness.recorder.wait("client_joined") == [{"client": ClientInfo("a", "host", env_steps=3)}]


def test_samples_received(harness):
    harness.take_in([0, 0, 5], "a")
    assert harness.recorder.all("samples_received") == [{"client": "a", "admitted": 2, "rejected": {"future": 1}}]


def test_episode_finished(harness):
    episode = harness.report(1, 12.5, client="a", complete=False)
    assert harness.recorder.wait("episode_finished") == [{"episode": episode}]


def test_setting_changed(harness):
    assert harness.command("set", settings=["training.stop.seconds=1000"], origin="ann on pc").ok
    [event] = harness.recorder.wait("setting_changed")
    change = event["change"]
    assert (change.name, change.before, change.after) == ("training.stop.seconds", None, 1000.0)
    assert (change.origin, change.iteration, change.env_steps, change.undoes) == ("ann on pc", 0, 0, False)


def test_model_updated(harness):
    harness.make_iterations(1)
    assert harness.recorder.all("model_updated") == [
        {"iteration": 1, "env_steps": 4, "seconds": 0.0, "metrics": {"loss": 0.5}}
    ]


def test_weights_published(harness):
    harness.make_iterations(1)
    first, second = harness.recorder.wait("weights_published", 2)
    assert (first["iteration"], second["iteration"]) == (0, 1)
    assert second == {"iteration": 1, "size": len(harness.outside.read_model(-1)[1]), "seconds": 0.0}


@pytest.mark.parametrize(("command", "kind"), [("quicksave", "quicksave"), ("save_best", "best")])
def test_checkpoint_saved(harness, command, kind):
    path = Path(harness.command(command).detail)
    assert harness.recorder.wait("checkpoint_saved") == [{"path": path, "iteration": 0, "kind": kind}]
    assert (path / "manifest.json").exists()


def test_client_lost(harness):
    harness.heartbeat("a")
    harness.recorder.wait("client_joined")
    harness.outside.remove_client("a")
    assert harness.recorder.wait("client_lost") == [{"client": ClientInfo("a", "host")}]


def test_training_stopped(harness):
    harness.make_iterations(1)
    harness.stop()
    assert harness.recorder.events[-1] == ("training_stopped", {"reason": "the test is over"})


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_test(hook):
    assert f"test_{hook}" in globals(), f"write test_{hook} in {__file__}"
