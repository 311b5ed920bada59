"""When an episode was reported."""

import msgspec
import pytest

from soulsai_core.app import Entry, RunFolder
from soulsai_core.transport.memory import MemoryTransport
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.episode_reader import EpisodeReader
from soulsai_telemetry.history.run_events import RunEvents
from soulsai_telemetry.run_view import RunView

NOW = 1.8e9


class NoObservers:
    def emit(self, event, **arguments):
        pass


@pytest.mark.parametrize(
    ("identifier", "time"),
    [("1700000000500-3", 1700000000.5), ("00000000000000000007", NOW), ("5-0", NOW), ("9999999999999-0", NOW)],
)
def test_redis_dates_its_entries_and_others_count_as_now(tmp_path, episode, identifier, time):
    view = RunView(RunFolder(tmp_path), shared=False)
    reader = EpisodeReader(
        MemoryTransport(), "run-1", view, RunEvents(tmp_path / "events.jsonl"), TelemetryConfig(), NoObservers(),
        send=None, wall=lambda: NOW, clock=lambda: 0.0,
    )  # fmt: skip
    reader.take_in([Entry(identifier, msgspec.json.encode(episode()))])
    assert reader.builder.history.extent("time") == (time, time)
