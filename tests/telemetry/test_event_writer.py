"""What happens in a run is noted once, also over restarts of telemetry."""

from dataclasses import replace

import pytest
from msgspec import structs

from soulsai_core import NodeStatus, SettingChange
from soulsai_core.app import judge
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.event_writer import EventWriter
from soulsai_telemetry.history.builder import HistoryBuilder
from soulsai_telemetry.history.records import EpisodeRecord, TrainingStatus
from soulsai_telemetry.history.run_events import RunEvent, RunEvents
from soulsai_telemetry.testing import example_status


@pytest.fixture
def seen(tmp_path):
    """Notes statuses of these ages and states; returns the kinds of all events so far. A new one each time, as after a
    restart of telemetry, if `anew`."""
    made = []

    def seen(*statuses, anew=False):
        if anew or not made:
            events = RunEvents(tmp_path / "events.jsonl")
            made[:] = [events, EventWriter(events, HistoryBuilder(TelemetryConfig()), lambda: 1e9)]
        events, writer = made
        for age, state, elapsed in statuses:
            writer.status(status(tmp_path, age, state, elapsed))
        return [event.kind for event in events.all()]

    return seen


def status(folder, age, state, elapsed):
    values = {name: getattr(example_status(folder).node, name) for name in NodeStatus.__struct_fields__}
    node = NodeStatus(**{**values, "state": state, "elapsed": elapsed, "reason": "the goal is reached"})
    return TrainingStatus(1e9, judge(node, age=age, now=1e9), node, [], 1.0, 0.0)


RUNS, SILENT, ENDED = (0.1, "running", 10.0), (60.0, "running", 10.0), (0.1, "ended", 10.0)


def test_start_and_end_are_noted_once(seen):
    assert seen(RUNS, RUNS, ENDED, ENDED) == ["start", "end"]


def test_silence_and_its_end_are_noted(seen):
    assert seen(RUNS, SILENT, SILENT, (0.1, "running", 12.0)) == ["start", "silent", "back"]


def test_node_that_begins_again_at_its_checkpoint_was_resumed(seen):
    assert seen(RUNS, SILENT, (0.1, "running", 5.0)) == ["start", "silent", "resume"]


def test_training_that_goes_on_after_its_end_was_resumed(seen):
    seen(RUNS, ENDED)
    assert seen(RUNS, RUNS, anew=True) == ["start", "end", "resume"]


def change(after, time=1e9 - 5, *, undoes=False):
    return SettingChange(time, "algorithm.config.learning_rate", 1e-3, after, "ann on pc", 7, 900, undoes)


def test_each_changed_setting_is_noted_once_also_over_restarts_of_telemetry(tmp_path, builder):
    history(builder, (1, 40, 1e9 - 10), (2, 90, 1e9 - 2))
    with_changes(tmp_path, builder, change(1e-4))
    events = with_changes(tmp_path, builder, change(1e-4), change(1e-3, time=1e9 - 1, undoes=True))
    noted = [event for event in events.all() if event.kind == "change"]
    assert [event.text for event in noted] == [
        "Setting algorithm.config.learning_rate from 0.001 to 0.0001, by ann on pc.",
        "Setting undone: algorithm.config.learning_rate from 0.001 to 0.001, by ann on pc.",
    ]
    assert [(event.episode, event.step) for event in noted] == [(1, 40), (2, 90)]


def test_changed_setting_is_not_noted_again_after_thousands_of_other_events(tmp_path, builder):
    events = with_changes(tmp_path, builder, change(1e-4))
    for number in range(2000):
        events.add(RunEvent("checkpoint", "", 1e9, 1, 1, number))
    events = with_changes(tmp_path, builder, change(1e-4))
    assert "change" not in [event.kind for event in events.all()]


@pytest.fixture
def builder():
    return HistoryBuilder(TelemetryConfig())


def history(builder, *episodes):
    for number, steps, time in episodes:
        builder.history.add(EpisodeRecord(number, steps, time, 0, "a", True, {}, {}))


def with_changes(folder, builder, *changes):
    """The events after a telemetry has started and seen these changes in the status."""
    events = RunEvents(folder / "events.jsonl")
    seen = status(folder, *RUNS)
    EventWriter(events, builder, lambda: 1e9).status(replace(seen, node=structs.replace(seen.node, changes=changes)))
    return events


def test_restart_of_telemetry_is_no_event(seen):
    seen(RUNS)
    assert seen(RUNS, anew=True) == ["start"]
