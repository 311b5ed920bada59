"""Metrics for MLflow, on a tracking server or in a local database. Needs soulsai-telemetry[mlflow]."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from soulsai_core import ConnectorContext, ConnectorPlugin, PluginError, Settings, hookimpl
from soulsai_telemetry.connectors.last_episode import LastEpisode
from soulsai_telemetry.history.update import HistoryUpdate

# Most numbers that MLflow accepts in one call.
_BATCH = 1000


class MlflowConfig(Settings):
    tracking_uri: str | None = Field(
        default=None,
        description="The tracking server, such as http://host:5000; null keeps mlflow.db in the run's folder.",
    )
    experiment: str = Field(default="soulsai", min_length=1, description="Experiment to which the run belongs.")


class Mlflow:
    """Logs each episode's metrics and moving averages. A resumed run goes on under its name.

    Attributes:
        uri: of the tracking server, or of the local database.
    """

    def __init__(self, config: MlflowConfig, context: ConnectorContext) -> None:
        try:
            import mlflow
        except ImportError as error:
            raise PluginError(
                f"The connector mlflow needs a package that is not installed ({error}). "
                "Try: pip install soulsai-telemetry[mlflow]"
            ) from error
        self._metric = mlflow.entities.Metric
        self.uri = config.tracking_uri or f"sqlite:///{(context.folder / 'mlflow.db').absolute().as_posix()}"
        self._connect = mlflow.MlflowClient
        self._client: Any = None
        self._run = ""
        self._experiment = config.experiment
        self._name = context.run
        self._last_episode = LastEpisode(context.folder / "telemetry" / "mlflow_last_episode")

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        records = self._last_episode.newer(update.records)
        if not records:
            return
        # Not in the constructor: to create a database takes seconds.
        if self._client is None:
            self._client = self._connect(tracking_uri=self.uri)
            self._run = self._find_run()
        metrics = [
            self._metric(f"{kind}/{_allowed(name)}", value, round(record.time * 1000), record.number)
            for record in records
            for kind, values in (("episode", record.values), ("average", record.averages))
            for name, value in values.items()
        ]
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(self._run, metrics[start : start + _BATCH])
        self._last_episode.save(records)

    def close(self) -> None:
        client = self._client
        self._client = None
        if client is not None:
            client.set_terminated(self._run)

    def _find_run(self) -> str:
        found = self._client.get_experiment_by_name(self._experiment)
        experiment = found.experiment_id if found is not None else self._client.create_experiment(self._experiment)
        runs = self._client.search_runs([experiment], f"attributes.run_name = '{self._name}'", max_results=1)
        run = runs[0] if runs else self._client.create_run(experiment, run_name=self._name)
        return run.info.run_id


def _allowed(name: str) -> str:
    """The name with underscores for the characters that MLflow refuses in names."""
    return "".join(c if c.isalnum() or c in "_-. /:" else "_" for c in name)


plugin = ConnectorPlugin(name="mlflow", config=MlflowConfig, make=Mlflow, home="telemetry")
