"""The core's settings, each with its default and the comment that the default file shows."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from soulsai_core.config.base import Settings
from soulsai_core.config.contributors import ContributorSettings
from soulsai_core.config.sources import Sources
from soulsai_core.errors import ConfigError
from soulsai_core.transport.address import parse_address


class Part(Settings):
    """A plugin chosen by name, with settings that only the plugin knows."""

    name: str = Field(description="Name of the installed plugin; `soulsai plugins` lists them.")
    config: dict[str, Any] = Field(default={}, description="The plugin's own settings.")


class RunSettings(Settings):
    name: str = Field(
        default="main", description="Name of the run: its keys in Redis and its folder are named after it."
    )
    saves: str = Field(default="saves", description="Folder that holds the folders of all runs.")
    seed: int | None = Field(default=None, ge=0, description="Seed of all random numbers; null draws a new one.")

    @field_validator("name")
    @classmethod
    def _fits_keys_and_folders(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ValueError("must be 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
        return name


class RedisSettings(Settings):
    address: str | None = Field(
        default=None,
        description="HOST, HOST:PORT or a redis://, rediss:// (TLS) or unix:// URL, before HOST a USER@ if need be; "
        "null starts a private server on this machine.",
    )
    secret_file: str = Field(
        default="redis.secret", description="File with the one line `requirepass PASSWORD`; may be absent."
    )
    ca_file: str | None = Field(
        default=None,
        description="File with the certificate of the only authority that is trusted for rediss:// addresses; null: "
        "those that the system trusts.",
    )
    max_backlog_entries: int = Field(
        default=10_000, ge=1, description="Sample messages kept in Redis; beyond, the oldest go."
    )
    max_backlog_mb: float = Field(default=512, gt=0, description="Size of the samples kept in Redis, in MB; likewise.")

    @field_validator("address")
    @classmethod
    def _is_one_without_password(cls, address: str | None) -> str | None:
        if address is None:
            return None
        try:
            password = parse_address(address).password
        except ConfigError as error:
            raise ValueError(str(error)) from None
        if password is not None:
            raise ValueError("must not hold a password, since this setting is saved: put it into redis.secret_file")
        return address


class TelemetrySettings(Settings):
    enabled: bool | None = Field(
        default=None,
        description="`soulsai train` runs the telemetry node too; null: if soulsai-telemetry is installed.",
    )
    config: dict[str, Any] = Field(default={}, description="The telemetry node's own settings.")


class StopSettings(Settings):
    env_steps: int | None = Field(default=None, ge=1, description="Stop after this many environment steps.")
    iterations: int | None = Field(default=None, ge=1, description="Stop after this many model iterations.")
    seconds: float | None = Field(default=None, gt=0, description="Stop after this much time.")
    mean_return: float | None = Field(default=None, description="Stop once the last episodes have this mean return.")
    episodes: int = Field(default=20, ge=1, description="Number of last episodes that mean_return averages.")


class TrainingSettings(Settings):
    checkpoint_every: int = Field(default=100, ge=1, description="Model iterations between checkpoints.")
    checkpoint_buffer: bool = Field(default=True, description="Checkpoints include the replay buffer.")
    max_message_mb: float = Field(
        default=64, gt=0, description="Messages from clients beyond this size, in MB, are rejected."
    )
    max_abs_value: float = Field(
        default=1e6,
        gt=0,
        description="Samples with numbers of larger magnitude, where the algorithm gives no bounds, are rejected.",
    )
    client_timeout_s: float = Field(
        default=15, gt=0, description="A client counts as lost after this time without a heartbeat."
    )
    prometheus_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port that serves the node's metrics to Prometheus; null serves none."
    )
    contributors: ContributorSettings = Field(
        default=ContributorSettings(), description="What each contributor that was invited may do at most."
    )
    stop: StopSettings = Field(
        default=StopSettings(), description="When training ends by itself; null: never for this reason."
    )


class ClientSettings(Settings):
    backpressure: Literal["wait", "drop"] = Field(
        default="wait", description="When the node falls behind, a client waits, or plays on and drops samples."
    )
    max_group_rows: int = Field(default=512, ge=1, description="Transitions sent in one message at most.")
    max_group_mb: float = Field(default=1, gt=0, description="Size of one message at most, in MB.")
    max_group_age_s: float = Field(default=0.5, gt=0, description="Time that a transition waits for others at most.")
    max_environments: int = Field(
        default=256, ge=1, le=1024, description="Environments that one client may step together."
    )
    buffer_messages: int = Field(default=256, ge=1, description="Messages kept while the server is away.")
    heartbeat_interval_s: float = Field(default=2, gt=0, description="Time between two signs of life.")
    isolate: bool = Field(
        default=False,
        description="The environment runs in a process of its own, which is ended and started again if it hangs or "
        "crashes. For games; it costs about 0.1 ms a step.",
    )
    step_timeout_s: float = Field(
        default=30, gt=0, description="An isolated environment that takes longer than this for a step hangs."
    )
    start_timeout_s: float = Field(default=180, gt=0, description="Likewise for its start, and for a reset.")
    late_step_s: float | None = Field(
        default=None, gt=0, description="A step that takes longer is counted as late; null counts none."
    )
    discard_late_steps: bool = Field(
        default=False, description="Late steps are no samples: what is learnt from ends before them and begins after."
    )
    min_steps_per_minute: float = Field(
        default=0, ge=0, description="An environment that gives less in a minute of its time restarts; 0: never."
    )


class Config(Settings):
    """All settings of a run. `load_config` makes one from the layers, `resolve` finds and checks the plugins'."""

    preset: str | None = Field(
        default=None, description="Settings that go well together, by name; all that is said here goes before them."
    )
    run: RunSettings = Field(default=RunSettings(), description="This run.")
    redis: RedisSettings = Field(
        default=RedisSettings(), description="The server that connects training node and clients."
    )
    environment: Part = Field(default=Part(name="gymnasium"), description="What is played.")
    algorithm: Part = Field(default=Part(name="dqn"), description="What learns.")
    connectors: tuple[Part, ...] = Field(
        default=(), description="What shows or stores the events: a list of {name, config}."
    )
    telemetry: TelemetrySettings = Field(default=TelemetrySettings(), description="Who watches the training.")
    training: TrainingSettings = Field(default=TrainingSettings(), description="The training node.")
    client: ClientSettings = Field(
        default=ClientSettings(), description="The clients; they download this from the node."
    )

    _sources: Sources = PrivateAttr(default_factory=Sources)

    @property
    def sources(self) -> Sources:
        """The layers that it was made of."""
        return self._sources

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.client.max_group_mb > self.training.max_message_mb:
            raise ValueError(
                f"client.max_group_mb ({self.client.max_group_mb:g}) must not be more than "
                f"training.max_message_mb ({self.training.max_message_mb:g}): all samples would be rejected"
            )
        if self.client.max_group_mb > self.training.contributors.max_message_mb:
            raise ValueError(
                f"client.max_group_mb ({self.client.max_group_mb:g}) must not be more than "
                f"training.contributors.max_message_mb ({self.training.contributors.max_message_mb:g}): "
                "all samples of contributors would be rejected"
            )
        if self.client.heartbeat_interval_s >= self.training.client_timeout_s:
            raise ValueError(
                f"client.heartbeat_interval_s ({self.client.heartbeat_interval_s:g}) must be less than "
                f"training.client_timeout_s ({self.training.client_timeout_s:g}): all clients would count as lost"
            )
        return self
