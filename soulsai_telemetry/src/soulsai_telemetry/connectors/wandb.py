"""Metrics for Weights & Biases. Needs soulsai-telemetry[wandb], and an account unless the mode is offline."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr

from soulsai_core import ConnectorContext, ConnectorPlugin, PluginError, Settings, hookimpl
from soulsai_telemetry.connectors.last_episode import LastEpisode
from soulsai_telemetry.history.records import BestScore
from soulsai_telemetry.history.update import HistoryUpdate


class WandbConfig(Settings):
    project: str = Field(default="soulsai", min_length=1, description="Project to which the run belongs.")
    entity: str | None = Field(default=None, description="User or team; null: the account's default.")
    mode: Literal["online", "offline"] = Field(
        default="online", description="offline keeps everything in the run's folder, for `wandb sync` later."
    )
    api_key: SecretStr | None = Field(default=None, description="Key of the account; null: that in WANDB_API_KEY.")


class Wandb:
    """Logs each episode's metrics and moving averages. A resumed run goes on under its name."""

    def __init__(self, config: WandbConfig, context: ConnectorContext) -> None:
        try:
            import wandb
        except ImportError as error:
            raise PluginError(
                f"The connector wandb needs a package that is not installed ({error}). "
                "Try: pip install soulsai-telemetry[wandb]"
            ) from error
        self._wandb: Any = wandb
        self._config = config
        self._context = context
        self._run: Any = None
        self._last_episode = LastEpisode(context.folder / "wandb" / "last_episode")

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        records = self._last_episode.newer(update.records)
        # Not in the constructor: it may wait for the network.
        if records and self._run is None:
            self._run = self._begin()
        for record in records:
            values = {f"episode/{name}": value for name, value in record.values.items()}
            values |= {f"average/{name}": value for name, value in record.averages.items()}
            self._run.log({**values, "env_steps": record.steps, "iteration": record.iteration}, step=record.number)
        self._last_episode.save(records)

    @hookimpl
    def best_found(self, best: BestScore) -> None:
        if self._run is not None:
            self._run.summary[f"best/{best.metric}"] = best.score

    def close(self) -> None:
        if self._run is not None:
            self._run.finish()
            self._run = None

    def _begin(self) -> Any:
        config = self._config
        context = self._context
        if config.api_key is not None:
            self._wandb.login(key=config.api_key.get_secret_value(), verify=False)
        return self._wandb.init(
            project=config.project,
            entity=config.entity,
            mode=config.mode,
            dir=str(context.folder),
            id=context.run,
            name=context.run,
            resume="allow" if config.mode == "online" else None,
            config=dict(context.config),
            settings=self._wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )


plugin = ConnectorPlugin(name="wandb", config=WandbConfig, make=Wandb, home="telemetry")
