"""Every episode's metrics and averages as JSON lines."""

from __future__ import annotations

import msgspec
from pydantic import Field

from soulsai_core import ConnectorContext, ConnectorPlugin, Settings, hookimpl
from soulsai_telemetry.journal import Journal
from soulsai_telemetry.records import Update


class JsonFileConfig(Settings):
    file: str = Field(
        default="telemetry.jsonl", min_length=1, description="File to write, relative to the run's folder."
    )


class Line(msgspec.Struct, frozen=True):
    """One episode in the file."""

    number: int
    steps: int
    time: float
    iteration: int
    client: str
    complete: bool
    values: dict[str, float]
    averages: dict[str, float]


class JsonFile:
    """Appends each episode once, whatever is told again after a restart."""

    def __init__(self, config: JsonFileConfig, context: ConnectorContext) -> None:
        self._journal = Journal(context.folder / config.file, Line)
        self._last = max((line.number for line in self._journal.recover()), default=0)

    @hookimpl
    def episodes_recorded(self, update: Update) -> None:
        lines = [
            Line(r.number, r.steps, round(r.time, 3), r.iteration, r.client, r.complete, r.values, r.averages)
            for r in update.records
            if r.number > self._last
        ]
        self._journal.append(lines)
        self._last = max(self._last, *(line.number for line in lines)) if lines else self._last


plugin = ConnectorPlugin(name="json_file", config=JsonFileConfig, make=JsonFile, home="telemetry")
