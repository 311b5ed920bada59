"""A figure of the run in a file, drawn again at intervals: PNG, SVG or PDF, by the file's ending."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from soulsai_core import ConnectorContext, ConnectorPlugin, Settings, hookimpl
from soulsai_telemetry.history.update import HistoryUpdate

if TYPE_CHECKING:
    from soulsai_telemetry.drawing import RunFigure

_ENDINGS = (".png", ".svg", ".pdf")


class FigureConfig(Settings):
    file: str = Field(
        default="telemetry.png", description="File to draw, relative to the run's folder; .png, .svg or .pdf."
    )
    metrics: tuple[str, ...] | None = Field(default=None, description="Metrics to draw, one panel each; null: all.")
    axis: Literal["episode", "step"] = Field(default="episode", description="Horizontal axis of the panels.")
    interval_s: float = Field(default=30, ge=0, description="Shortest time between two drawings.")

    @field_validator("file")
    @classmethod
    def _has_a_known_ending(cls, file: str) -> str:
        if not file.endswith(_ENDINGS):
            raise ValueError(f"must end in {', '.join(_ENDINGS)}")
        return file


class FigureFile:
    """Draws the history at most once an interval, and a last time when the training has stopped."""

    def __init__(self, config: FigureConfig, context: ConnectorContext) -> None:
        self._config = config
        self._path = context.folder / config.file
        environment = context.config.get("environment", {})
        self._title = f"{environment.get('config', {}).get('id') or environment.get('name', '')}  {context.run}".strip()
        self._figure: RunFigure | None = None
        self._drawn = -math.inf
        self._undrawn: HistoryUpdate | None = None

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        self._undrawn = update
        self._draw_if_due()

    @hookimpl
    def status_received(self) -> None:
        """Draws episodes that came within the interval once it is over, even if no more follow."""
        self._draw_if_due()

    @hookimpl
    def training_stopped(self) -> None:
        if self._undrawn is not None:
            self._draw(self._undrawn)

    def _draw_if_due(self) -> None:
        if self._undrawn is not None and time.monotonic() - self._drawn >= self._config.interval_s:
            self._draw(self._undrawn)

    def _draw(self, update: HistoryUpdate) -> None:
        # Not at the top: the training process imports this module too, for its settings, and needs no matplotlib.
        from soulsai_telemetry.drawing import RunFigure, save

        names = list(self._config.metrics or update.history.names)
        if not update.history.episodes or not names:
            return
        if self._figure is None or self._figure.names != names:
            self._figure = RunFigure(names, self._title, self._config.axis)
        self._figure.show(update.history)
        self._drawn = time.monotonic()
        self._undrawn = None
        save(self._figure.figure, self._path)


plugin = ConnectorPlugin(name="figure", config=FigureConfig, make=FigureFile, home="telemetry")
