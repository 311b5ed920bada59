"""Each hook is told at its time with its documented arguments, has a test here, and stands in the documentation."""

import inspect
from pathlib import Path

import pytest

import soulsai_core.hookspecs
from soulsai_core.contracts import ConnectorContext
from soulsai_core.hookspecs import HookSpecs
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.observers import Observers

DOCUMENTATION = Path(soulsai_core.hookspecs.__file__).parents[3] / "docs" / "hooks.md"
HOOKS = {name: method for name, method in vars(HookSpecs).items() if not name.startswith("_")}


def test_training_started(staged):
    stage = staged().start()
    assert stage.recorder.all("training_started") == [
        {"run": stage.folder.name, "folder": stage.folder.path, "resumed": False}
    ]
    assert stage.recorder.events[0][0] == "training_started"


def test_training_started_says_that_it_was_resumed(staged, tmp_path):
    stage = staged()
    stage.node.checkpoint(tmp_path / "save")
    stage.node.load_checkpoint(tmp_path / "save")
    stage.start()
    assert stage.recorder.all("training_started")[0]["resumed"] is True


def test_client_joined(stage):
    stage.heartbeat("a", env_steps=3)
    assert stage.recorder.wait("client_joined") == [{"client": ClientInfo("a", "host", env_steps=3)}]


def test_samples_received(stage):
    stage.take_in([0, 0, 5], "a")
    assert stage.recorder.all("samples_received") == [{"client": "a", "admitted": 2, "rejected": {"future": 1}}]


def test_episode_finished(stage):
    episode = stage.report(1, 12.5, client="a", complete=False)
    assert stage.recorder.wait("episode_finished") == [{"episode": episode}]


def test_model_updated(stage):
    stage.make_iterations(1)
    assert stage.recorder.all("model_updated") == [
        {"iteration": 1, "env_steps": 4, "seconds": 0.0, "metrics": {"loss": 0.5}}
    ]


def test_weights_published(stage):
    stage.make_iterations(1)
    first, second = stage.recorder.wait("weights_published", 2)
    assert (first["iteration"], second["iteration"]) == (0, 1)
    assert second == {"iteration": 1, "size": len(stage.outside.read_model(-1)[1]), "seconds": 0.0}


@pytest.mark.parametrize(("command", "kind"), [("quicksave", "quicksave"), ("save_best", "best")])
def test_checkpoint_saved(stage, command, kind):
    path = Path(stage.command(command).detail)
    assert stage.recorder.wait("checkpoint_saved") == [{"path": path, "iteration": 0, "kind": kind}]
    assert (path / "manifest.json").exists()


def test_client_lost(stage):
    stage.heartbeat("a")
    stage.recorder.wait("client_joined")
    stage.outside.remove_client("a")
    assert stage.recorder.wait("client_lost") == [{"client": ClientInfo("a", "host")}]


def test_training_stopped(stage):
    stage.make_iterations(1)
    stage.stop()
    assert stage.recorder.events[-1] == ("training_stopped", {"reason": "the test is over"})


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_test(hook):
    assert f"test_{hook}" in globals(), f"write test_{hook} in {__file__}"


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_and_each_of_its_arguments_is_documented(hook):
    rows = [line for line in DOCUMENTATION.read_text().splitlines() if line.startswith(f"| `{hook}`")]
    assert len(rows) == 1, f"{DOCUMENTATION} needs one row for {hook}"
    for argument in list(inspect.signature(HOOKS[hook]).parameters)[1:]:
        assert f"`{argument}`" in rows[0], f"{DOCUMENTATION} does not name {argument} of {hook}"


def test_documentation_names_no_hook_that_does_not_exist():
    named = [line.split("`")[1] for line in DOCUMENTATION.read_text().splitlines() if line.startswith("| `")]
    assert named == list(HOOKS), "the rows are in the order of a run"


def test_example_in_the_documentation_works(tmp_path):
    code = DOCUMENTATION.read_text().split("```python\n")[1].split("```")[0]
    names = {}
    exec(compile(code, str(DOCUMENTATION), "exec"), names)
    assert len(code.strip().splitlines()) <= 20
    plugin = names["plugin"]
    observers = Observers()
    observers.register(plugin.name, plugin.make(plugin.config(), ConnectorContext("run", tmp_path, {})))
    observers.emit("episode_finished", episode=Episode("pc-1", "pc", 12.5, 30, 4, 1.0))
    observers.emit("training_stopped", reason="enough")
    observers.close()
    assert (tmp_path / "returns.txt").read_text() == "pc-1 12.5\n"
