"""Weights & Biases. Needs soulsai-telemetry[wandb], and an account unless it is offline."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SecretStr

from soulsai_core import ConnectorContext, ConnectorPlugin, PluginError, Settings, hookimpl
from soulsai_telemetry.connectors.bookmark import Bookmark
from soulsai_telemetry.records import Best, Update


class WandbConfig(Settings):
    project: str = Field(default="soulsai", min_length=1, description="Project that the run belongs to.")
    entity: str | None = Field(default=None, description="User or team; null is the account's own.")
    mode: Literal["online", "offline"] = Field(
        default="online", description="offline keeps all in the run's folder, for `wandb sync` later."
    )
    api_key: SecretStr | None = Field(default=None, description="Key of the account; null takes WANDB_API_KEY.")


class Wandb:
    """Logs each episode's metrics and averages; a run that is resumed goes on under its name."""

    def __init__(self, config: WandbConfig, context: ConnectorContext) -> None:
        try:
            import wandb
        except ImportError as error:
            raise PluginError(
                f"The connector wandb needs more ({error}). Try: pip install soulsai-telemetry[wandb]"
            ) from error
        self._wandb: Any = wandb
        self._config = config
        self._context = context
        self._run: Any = None
        self._bookmark = Bookmark(context.folder / "wandb" / "last_episode")

    @hookimpl
    def episodes_recorded(self, update: Update) -> None:
        records = self._bookmark.new(update.records)
        if records and self._run is None:  # not in the constructor: it may wait for the network
            self._run = self._begin()
        for record in records:
            values = {f"episode/{name}": value for name, value in record.values.items()}
            values |= {f"average/{name}": value for name, value in record.averages.items()}
            self._run.log({**values, "env_steps": record.steps, "iteration": record.iteration}, step=record.number)
        self._bookmark.move(records)

    @hookimpl
    def best_found(self, best: Best) -> None:
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
