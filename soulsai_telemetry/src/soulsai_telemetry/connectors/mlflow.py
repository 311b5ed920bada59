"""MLflow. Needs soulsai-telemetry[mlflow]; without a server the run is kept in a local database."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from soulsai_core import ConnectorContext, ConnectorPlugin, PluginError, Settings, hookimpl
from soulsai_telemetry.connectors.bookmark import Bookmark
from soulsai_telemetry.records import Update

_MOST = 1000
"""Numbers that MLflow takes in one call."""


class MlflowConfig(Settings):
    tracking_uri: str | None = Field(
        default=None,
        description="The tracking server, such as http://host:5000; null keeps mlflow.db in the run's folder.",
    )
    experiment: str = Field(default="soulsai", min_length=1, description="Experiment that the run belongs to.")


class Mlflow:
    """Logs each episode's metrics and averages; a run that is resumed goes on under its name.

    Attributes:
        uri: of the tracking server, or of the database that stands for it.
    """

    def __init__(self, config: MlflowConfig, context: ConnectorContext) -> None:
        try:
            import mlflow
        except ImportError as error:
            raise PluginError(
                f"The connector mlflow needs more ({error}). Try: pip install soulsai-telemetry[mlflow]"
            ) from error
        self._metric = mlflow.entities.Metric
        self.uri = config.tracking_uri or f"sqlite:///{(context.folder / 'mlflow.db').absolute().as_posix()}"
        self._connect = mlflow.MlflowClient
        self._client: Any = None
        self._run = ""
        self._experiment = config.experiment
        self._name = context.run
        self._bookmark = Bookmark(context.folder / "telemetry" / "mlflow_last_episode")

    @hookimpl
    def episodes_recorded(self, update: Update) -> None:
        records = self._bookmark.new(update.records)
        if not records:
            return
        if self._client is None:  # not in the constructor: to make a database takes seconds
            self._client = self._connect(tracking_uri=self.uri)
            self._run = self._find_run()
        metrics = [
            self._metric(f"{kind}/{_allowed(name)}", value, round(record.time * 1000), record.number)
            for record in records
            for kind, values in (("episode", record.values), ("average", record.averages))
            for name, value in values.items()
        ]
        for start in range(0, len(metrics), _MOST):
            self._client.log_batch(self._run, metrics[start : start + _MOST])
        self._bookmark.move(records)

    def close(self) -> None:
        client = self._client
        self._client = None
        if client is not None:
            client.set_terminated(self._run)

    def _find_run(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        place = found.experiment_id if found is not None else self._client.create_experiment(self._experiment)
        runs = self._client.search_runs([place], f"attributes.run_name = '{self._name}'", max_results=1)
        return (runs[0] if runs else self._client.create_run(place, run_name=self._name)).info.run_id


def _allowed(name: str) -> str:
    """MLflow takes letters, digits and a few signs in names."""
    return "".join(c if c.isalnum() or c in "_-. /:" else "_" for c in name)


plugin = ConnectorPlugin(name="mlflow", config=MlflowConfig, make=Mlflow, home="telemetry")
