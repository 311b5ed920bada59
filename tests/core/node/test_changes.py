"""Settings that are changed while the run goes on: checked, applied between two updates, recorded, undone."""

import json

import msgspec
import pytest
from pydantic import Field

from soulsai_core import run_folder
from soulsai_core.config import Settings
from soulsai_core.config.live import LIVE
from soulsai_core.contracts import AlgorithmPlugin
from soulsai_core.errors import CheckpointError, PluginError
from soulsai_core.messages import Announcement, SettingChange


class Schedule(Settings):
    start: float = 1.0
    end: float = 0.0


class Config(Settings):
    rate: float = Field(default=0.1, gt=0, json_schema_extra=LIVE)
    epsilon: Schedule = Field(default=Schedule(), json_schema_extra=LIVE)
    width: int = 8


PLUGIN = AlgorithmPlugin("counting", Config, None, None, None)
CONFIG = {"algorithm": {"name": "counting", "config": Config().model_dump()}, "training": {"checkpoint_every": 100}}


@pytest.fixture
def running(make_harness, learner):
    """A node that runs, whose learner keeps the settings that it gets."""
    learner.configs = []
    learner.change = learner.configs.append
    return make_harness(learner, plugin=PLUGIN, config=CONFIG).start()


def change(harness, *settings, back=False):
    return harness.command("set_back" if back else "set", settings=list(settings), origin="ann on pc")


def test_change_is_applied_announced_recorded_and_told(running):
    running.make_iterations(2)
    reply = change(running, "algorithm.config.rate=0.5", "algorithm.config.epsilon.end=0.3")
    assert reply.ok, reply.detail
    assert "algorithm.config.rate: 0.1 -> 0.5\nalgorithm.config.epsilon.end: 0.0 -> 0.3" in reply.detail
    assert running.learner.configs == [Config(rate=0.5, epsilon=Schedule(end=0.3))]
    announced = msgspec.json.decode(running.outside.read_config(), type=Announcement).algorithm["config"]
    assert (announced["rate"], announced["epsilon"]["end"], announced["width"]) == (0.5, 0.3, 8)
    running.send([2])
    assert running.wait_progress(lambda progress: progress.settings == 1)
    saved = json.loads(running.folder.config.read_text())["algorithm"]["config"]
    assert (saved["rate"], saved["epsilon"]["end"]) == (0.5, 0.3)
    rows = [msgspec.json.decode(line, type=SettingChange) for line in running.folder.changes.read_bytes().splitlines()]
    assert [(row.name, row.before, row.after, row.origin, row.iteration) for row in rows] == [
        ("algorithm.config.rate", 0.1, 0.5, "ann on pc", 2),
        ("algorithm.config.epsilon.end", 0.0, 0.3, "ann on pc", 2),
    ]
    assert [event["change"] for event in running.recorder.wait("setting_changed", 2)] == rows
    status = running.node._report.update(0)
    assert status.changes == tuple(rows)
    assert status.live_settings["algorithm.config.rate"] == 0.5
    assert status.live_settings["algorithm.config.epsilon"] == {"start": 1.0, "end": 0.3}
    assert status.live_settings["training.checkpoint_every"] == 100
    assert "algorithm.config.width" not in status.live_settings


def test_changes_are_undone_one_after_the_other(running):
    change(running, "algorithm.config.rate=0.5")
    change(running, "training.checkpoint_every=7")
    assert "checkpoint_every: 7 -> 100" in change(running, back=True).detail
    change(running, "algorithm.config.epsilon.start=0.5")
    assert "epsilon.start: 0.5 -> 1.0" in change(running, back=True).detail
    assert "rate: 0.5 -> 0.1" in change(running, back=True).detail
    assert change(running, back=True).detail == "There is no change to undo."
    assert running.learner.configs[-1] == Config()


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("algorithm.config.width=9", "algorithm.config.width cannot be changed while the run goes on. These can: "),
        ("rate=9", "rate cannot be changed while the run goes on. Did you mean algorithm.config.rate? These can: "),
        ("training.checkpoint_evry=9", "Did you mean training.checkpoint_every?"),
        ("algorithm.config.nonsense=9", "algorithm.config.nonsense cannot be changed"),
        ("algorithm.name=ppo", "algorithm.name cannot be changed"),
        ("training=1", "training cannot be changed"),
        ("run.seed=1", "run.seed cannot be changed"),
        ("algorithm.config.rate=-1", "algorithm.config.rate: must be more than 0"),
        ("algorithm.config.rate=often", "algorithm.config.rate: must be a number"),
        ("algorithm.config.epsilon.middle=1", "algorithm.config.epsilon.middle"),
        ("training.checkpoint_every=0", "training.checkpoint_every: must be at least 1"),
        ("algorithm.config.rate=0.1", "Nothing changes"),
        ("training.evaluation.every_s=5", "was null when the run began"),
        ("rate", "write it as name.of.setting=value"),
        ("training.checkpoint_every=" + "[" * 5000, "lie too deep within each other"),
        ("algorithm.config." + "a." * 5000 + "b=1", "a name has at most 100 words"),
    ],
)
def test_what_cannot_be_changed_gets_a_sentence_and_changes_nothing(running, setting, sentence):
    reply = (
        change(running, "training.stop.seconds=1000", setting)
        if "Nothing" not in sentence
        else change(running, setting)
    )
    assert not reply.ok and sentence in reply.detail
    assert not running.learner.configs and not running.folder.changes.exists()
    assert running.node._report._goals.settings.seconds is None
    assert running.stop() == "the test is over"


@pytest.mark.parametrize("settings", [None, "algorithm.config.rate=1", [1], {}])
def test_settings_of_another_form_are_refused(running, settings):
    assert not running.command("set", settings=settings).ok


def test_learner_that_does_not_take_the_change_does_not_end_the_run(running):
    def fail(config):
        raise PluginError("counting 1.0: Learner.change raised NotImplementedError")

    running.learner.change = fail
    assert "NotImplementedError" in change(running, "algorithm.config.rate=0.5").detail
    assert not running.folder.changes.exists()
    running.make_iterations(1)


def test_goals_and_checkpoints_follow(running):
    assert change(running, "training.checkpoint_every=2").ok
    running.make_iterations(2)
    running.recorder.wait("checkpoint_saved", where=lambda event: event["kind"] == "periodic")
    assert change(running, "training.stop.iterations=3").ok
    running.make_iterations(1)
    assert running.join() == "the goal of 3 iterations is reached"


def test_a_resumed_run_can_undo_what_was_changed_before(running, make_harness, new_learner):
    running.make_iterations(1)
    change(running, "algorithm.config.rate=0.5")
    running.stop()
    learner = new_learner()
    learner.change = lambda config: None
    config = json.loads(running.folder.config.read_text())
    again = make_harness(learner, folder=running.folder, plugin=PLUGIN, config=config)
    again.node.load_checkpoint(running.folder.checkpoint)
    again.start()
    assert "rate: 0.5 -> 0.1" in change(again, back=True).detail


def test_change_counts_while_the_server_is_away_and_is_announced_once_it_is_back(make_harness, learner):
    learner.change = lambda config: None
    harness = make_harness(learner, plugin=PLUGIN, config=CONFIG)
    changes = harness.node._changes
    changes.announce()
    followed = []
    changes.follow(followed.append)
    harness.transport.away = True
    made = changes.change(["algorithm.config.rate=0.5", "training.checkpoint_every=7"], "ann on pc")
    assert [change.after for change in made] == [0.5, 7] and followed[-1].checkpoint_every == 7
    assert changes.version == 0, "clients would read the old announcement"
    harness.transport.away = False
    for _ in range(2):
        changes.announce_changes()
    announced = msgspec.json.decode(harness.outside.read_config(), type=Announcement)
    assert announced.algorithm["config"]["rate"] == 0.5 and changes.version == 1


@pytest.mark.parametrize(
    "failing", ["soulsai_core.run_folder.write_config", "soulsai_core.node.json_lines.JsonLines.append"]
)
def test_change_that_cannot_be_written_is_neither_in_the_settings_nor_in_the_history(
    make_harness, learner, monkeypatch, failing
):
    learner.change = lambda config: None
    harness = make_harness(learner, plugin=PLUGIN, config=CONFIG)
    run_folder.write_config(harness.folder.config, CONFIG)

    def fail(*arguments):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(failing, fail)
        with pytest.raises(CheckpointError, match="No space left"):
            harness.node._changes.change(["algorithm.config.rate=0.5"], "ann on pc")
    assert json.loads(harness.folder.config.read_text()) == CONFIG
    assert not harness.folder.changes.exists() or harness.folder.changes.read_bytes() == b""
