"""Each episode's metrics and moving averages as a line of JSON."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from soulsai_core import ConnectorContext, ConnectorPlugin, Settings, hookimpl
from soulsai_telemetry.history.buffered_json_lines import BufferedJsonLines
from soulsai_telemetry.history.records import EpisodeRecord
from soulsai_telemetry.history.update import HistoryUpdate


class JsonFileConfig(Settings):
    file: str = Field(
        default="telemetry.jsonl", min_length=1, description="File to write, relative to the run's folder."
    )


class JsonFile:
    """Appends each episode once, even those that come again after a restart."""

    def __init__(self, config: JsonFileConfig, context: ConnectorContext) -> None:
        self._file = BufferedJsonLines(context.folder / config.file, EpisodeRecord)
        self._last = max((record.number for record in self._file.read()), default=0)

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        new = [replace(record, time=round(record.time, 3)) for record in update.records if record.number > self._last]
        self._file.append(new)
        self._last = max((record.number for record in new), default=self._last)


plugin = ConnectorPlugin(name="json_file", config=JsonFileConfig, make=JsonFile, home="telemetry")
