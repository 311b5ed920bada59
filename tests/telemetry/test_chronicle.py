"""What happens in a run is noted once, also over restarts of telemetry."""

import pytest

from soulsai_core import NodeStatus
from soulsai_core.app import judge
from soulsai_telemetry.chronicle import Chronicle
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.builder import HistoryBuilder
from soulsai_telemetry.history.records import TrainingStatus
from soulsai_telemetry.history.run_events import RunEvents
from soulsai_telemetry.testing import example_status


@pytest.fixture
def seen(tmp_path):
    """Notes statuses of these ages and states; returns the kinds of all events so far. A new one each time, as after a
    restart of telemetry, if `anew`."""
    made = []

    def seen(*statuses, anew=False):
        if anew or not made:
            events = RunEvents(tmp_path / "events.jsonl")
            made[:] = [events, Chronicle(events, HistoryBuilder(TelemetryConfig()), lambda: 1e9)]
        events, chronicle = made
        for age, state, elapsed in statuses:
            chronicle.status(status(tmp_path, age, state, elapsed))
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


def test_restart_of_telemetry_is_no_event(seen):
    seen(RUNS)
    assert seen(RUNS, anew=True) == ["start"]
