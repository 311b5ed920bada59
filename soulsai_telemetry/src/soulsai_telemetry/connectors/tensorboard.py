"""Event files for TensorBoard: `tensorboard --logdir saves` shows all runs. Needs soulsai-telemetry[tensorboard]."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from soulsai_core import ConnectorContext, ConnectorPlugin, PluginError, Settings, hookimpl
from soulsai_telemetry.connectors.last_episode import LastEpisode
from soulsai_telemetry.history.records import TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate


class TensorBoardConfig(Settings):
    folder: str = Field(
        default="tensorboard", min_length=1, description="Folder of the event files, relative to the run's folder."
    )
    axis: Literal["episode", "step"] = Field(
        default="episode", description="Whether TensorBoard's step counts episodes or environment steps."
    )


class TensorBoard:
    """Writes each metric as `episode/<name>` and `average/<name>`, and the learner's numbers as `learner/<name>`."""

    def __init__(self, config: TensorBoardConfig, context: ConnectorContext) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise PluginError(
                f"The connector tensorboard needs a package that is not installed ({error}). "
                "Try: pip install soulsai-telemetry[tensorboard]"
            ) from error
        self._event = Event
        self._summary = Summary
        folder = context.folder / config.folder
        self._writer = EventFileWriter(str(folder))
        self._last_episode = LastEpisode(folder / "last_episode")
        self._axis = config.axis
        self._closed = False
        self._iteration = -1

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        records = self._last_episode.newer(update.records)
        for record in records:
            values = {f"episode/{name}": value for name, value in record.values.items()}
            values |= {f"average/{name}": value for name, value in record.averages.items()}
            self._write(values, record.number if self._axis == "episode" else record.steps, record.time)
        if records:
            self._writer.flush()
            self._last_episode.save(records)

    @hookimpl
    def status_received(self, status: TrainingStatus) -> None:
        node = status.node
        # The status comes once a second: without a new iteration its numbers are those written last.
        if status.alive and node.iteration != self._iteration:
            self._iteration = node.iteration
            values = {f"learner/{name}": value for name, value in node.learner.items()}
            self._write(values, node.iteration, status.time)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._writer.close()

    def _write(self, values: dict[str, float], step: int, time: float) -> None:
        parts = [self._summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        self._writer.add_event(self._event(step=step, wall_time=time, summary=self._summary(value=parts)))


plugin = ConnectorPlugin(name="tensorboard", config=TensorBoardConfig, make=TensorBoard, home="telemetry")
