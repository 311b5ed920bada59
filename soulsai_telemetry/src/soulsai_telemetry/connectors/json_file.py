"""Every episode's metrics and averages as JSON lines."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from soulsai_core import ConnectorContext, ConnectorPlugin, Settings, hookimpl
from soulsai_telemetry.journal import Journal
from soulsai_telemetry.records import Record, Update


class JsonFileConfig(Settings):
    file: str = Field(
        default="telemetry.jsonl", min_length=1, description="File to write, relative to the run's folder."
    )


class JsonFile:
    """Appends each episode once, whatever is told again after a restart."""

    def __init__(self, config: JsonFileConfig, context: ConnectorContext) -> None:
        self._journal = Journal(context.folder / config.file, Record)
        self._last = max((record.number for record in self._journal.recover()), default=0)

    @hookimpl
    def episodes_recorded(self, update: Update) -> None:
        new = [replace(record, time=round(record.time, 3)) for record in update.records if record.number > self._last]
        self._journal.append(new)
        self._last = max((record.number for record in new), default=self._last)


plugin = ConnectorPlugin(name="json_file", config=JsonFileConfig, make=JsonFile, home="telemetry")
