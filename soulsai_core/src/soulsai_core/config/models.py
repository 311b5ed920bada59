"""The core's settings, each with its default and its description, which is the comment in the default file."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from soulsai_core.config.base import Settings
from soulsai_core.config.contributors import ContributorSettings
from soulsai_core.config.host_names import HostNames
from soulsai_core.config.live import LIVE
from soulsai_core.config.sources import Sources
from soulsai_core.errors import ConfigError
from soulsai_core.transport.address import parse_address


class Part(Settings):
    """A plugin chosen by name, with settings that the plugin's own model checks."""

    name: str = Field(description="Name of the installed plugin; `soulsai plugins` lists them.")
    config: dict[str, Any] = Field(default={}, description="The plugin's own settings.")


class RunSettings(Settings):
    name: str = Field(default="main", description="Name of the run: the prefix of its keys in Redis.")
    saves: str = Field(default="saves", description="Folder with the folders of all runs.")
    seed: int | None = Field(
        default=None,
        ge=0,
        description="Seed of all random numbers; null draws one for each new run, which is saved in its config.json.",
    )

    @field_validator("name")
    @classmethod
    def _fits_keys_and_folders(cls, name: str) -> str:
        # Redis has the name in its keys, with ':' between their parts, and users of Redis in patterns of keys.
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ValueError("must be 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit")
        return name


class RedisSettings(Settings):
    address: str | None = Field(
        default=None,
        description="Server: HOST, HOST:PORT or a redis://, rediss:// (TLS) or unix:// URL, with USER@ before HOST if "
        "the server has users. null starts a private server on this machine.",
    )
    secret_file: str = Field(
        default="redis.secret",
        description="File with the server's password, one line `requirepass PASSWORD`; optional.",
    )
    ca_file: str | None = Field(
        default=None,
        description="File with the certificate of the only authority to trust for rediss:// addresses; null trusts the "
        "authorities of the system.",
    )
    private_networks: tuple[str, ...] = Field(
        default=(),
        description='Networks in which connections need no TLS, such as "100.64.0.0/10" for a VPN that uses it, '
        "besides this machine and those of RFC 1918 and RFC 4193.",
    )
    max_backlog_entries: int = Field(
        default=10_000, ge=1, description="Sample messages that may wait in Redis; above this, the oldest are deleted."
    )
    max_backlog_mb: float = Field(
        default=512,
        gt=0,
        description="Size in MB of the samples that may wait in Redis; above this, the oldest are deleted.",
    )

    @field_validator("private_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for text in networks:
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(f"{error}; write a network as 100.64.0.0/10") from None
        return networks

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
        description="Whether `soulsai train` runs the telemetry node; null: if soulsai-telemetry is installed.",
    )
    config: dict[str, Any] = Field(default={}, description="Settings of the telemetry node.")


class StopSettings(Settings):
    env_steps: int | None = Field(
        default=None, ge=1, description="Stop after this many environment steps.", json_schema_extra=LIVE
    )
    iterations: int | None = Field(
        default=None, ge=1, description="Stop after this many model iterations.", json_schema_extra=LIVE
    )
    seconds: float | None = Field(
        default=None, gt=0, description="Stop after this many seconds.", json_schema_extra=LIVE
    )
    mean_return: float | None = Field(
        default=None, description="Stop once the newest episodes have this mean return.", json_schema_extra=LIVE
    )
    episodes: int = Field(
        default=50,
        ge=1,
        description="Number of newest episodes that the mean return averages: for this goal, and wherever it is shown.",
    )


class EvaluationSettings(Settings):
    every_s: float | None = Field(
        default=None,
        gt=0,
        description=(
            "Seconds between two evaluation episodes. Clients play them in turn and without exploration, and nothing "
            "is learned from them. null: no evaluation."
        ),
        json_schema_extra=LIVE,
    )
    episodes: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Number of episodes that evaluate one model; the mean of their returns is its score. Then the"
        " newest model is evaluated.",
        json_schema_extra=LIVE,
    )


class TrainingSettings(Settings):
    checkpoint_every: int = Field(
        default=100, ge=1, description="Model iterations between checkpoints, at most.", json_schema_extra=LIVE
    )
    checkpoint_every_s: float = Field(
        default=60,
        gt=0,
        description="Seconds between checkpoints, at most; the first is made within 10 seconds.",
        json_schema_extra=LIVE,
    )
    checkpoints_kept: int = Field(
        default=1,
        ge=1,
        description="Number of newest checkpoints to keep; all but the last one are in the folder earlier.",
    )
    best_models_kept: int = Field(
        default=1,
        ge=1,
        description="Number of best models to keep; those that were the best before the present one are in the "
        "folder earlier_best.",
    )
    journal: bool = Field(
        default=True,
        description="Whether all steps are written to the journal in the run's folder. Without it a crash loses what "
        "was received since the last checkpoint, and a resumed training begins with an empty replay buffer.",
    )
    keep_steps: bool = Field(
        default=False,
        description="Whether the journal keeps all steps of the run, as a data set, instead of those that the replay "
        "buffer needs.",
    )
    catch_up: float = Field(
        default=1,
        ge=0,
        le=1000,
        description=(
            "Number of updates missed in a crash or an outage that are made with each new update; more "
            "are made while no message waits. 0: missed updates are never made."
        ),
    )
    max_requested_saves: int = Field(
        default=50,
        ge=1,
        description="Largest number of saves under manual_save that the page may ask for; `soulsai quicksave` has"
        " no limit.",
    )
    changes_from_page: bool = Field(
        default=False,
        description="Whether those who have the page's token (telemetry.config.page) may change settings there, as "
        "`soulsai set` does.",
    )
    max_message_mb: float = Field(
        default=64, gt=0, description="Largest size of a client's message in MB; larger ones are rejected."
    )
    max_abs_value: float = Field(
        default=1e6,
        gt=0,
        description="Largest magnitude of numbers for which the algorithm declares no bounds; samples with larger ones "
        "are rejected.",
    )
    client_timeout_s: float = Field(
        default=15, gt=0, description="Seconds without a heartbeat after which a client counts as lost."
    )
    prometheus_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which the node serves its metrics to Prometheus; null serves none.",
    )
    prometheus_host: str = Field(
        default="127.0.0.1",
        description="Address at which the node serves its metrics; 0.0.0.0 if Prometheus runs on another machine.",
    )
    prometheus_hosts: HostNames = ()
    contributors: ContributorSettings = Field(
        default=ContributorSettings(), description="Limits for each contributor, an invited player."
    )
    evaluation: EvaluationSettings = Field(
        default=EvaluationSettings(),
        description="Evaluation during training. Once a model was evaluated, evaluations decide which model is "
        "the best.",
    )
    stop: StopSettings = Field(
        default=StopSettings(),
        description="Goals at which training ends by itself, whichever is reached first; null: no such goal.",
    )


class ClientSettings(Settings):
    backpressure: Literal["wait", "drop"] = Field(
        default="wait",
        description="What a client does when the node falls behind: wait, or play on and drop samples.",
    )
    max_message_rows: int = Field(default=512, ge=1, description="Largest number of rows in a client's message.")
    max_message_mb: float = Field(default=1, gt=0, description="Largest size of a client's message in MB.")
    max_message_age_s: float = Field(
        default=0.5, gt=0, description="Seconds after which a row is sent even if its message could hold more."
    )
    max_environments: int = Field(
        default=256, ge=1, le=1024, description="Largest number of environments that one client may step together."
    )
    buffer_messages: int = Field(
        default=256, ge=1, description="Messages that a client keeps while the server cannot be reached."
    )
    heartbeat_interval_s: float = Field(default=2, gt=0, description="Seconds between two heartbeats.")
    isolate: bool = Field(
        default=False,
        description="Whether the environment runs in a process of its own, which is restarted if it hangs or crashes. "
        "Meant for games; it costs about 0.1 ms a step.",
    )
    step_timeout_s: float = Field(
        default=30,
        gt=0,
        description="Seconds that a step of an isolated environment may take; after that it is restarted.",
    )
    start_timeout_s: float = Field(
        default=180,
        gt=0,
        description="Seconds that an isolated environment may take to start, and for its first reset; after that "
        "it is restarted.",
    )
    reset_timeout_s: float | None = Field(
        default=None,
        gt=0,
        description="Seconds that a later reset of an isolated environment may take; null: as long as a start.",
    )
    late_step_s: float | None = Field(
        default=None, gt=0, description="Seconds after which a step counts as late; null counts none."
    )
    discard_late_steps: bool = Field(
        default=False,
        description="Whether late steps are discarded: returns end before a late step, and new ones begin after it.",
    )
    min_steps_per_minute: float = Field(
        default=0, ge=0, description="Steps per minute below which an environment is restarted; 0: never."
    )
    restart_every_h: float | None = Field(
        default=None,
        gt=0,
        description="Hours after which a client restarts its environment at the end of an episode, since games slow "
        "down over days; null: never.",
    )


class Config(Settings):
    """All settings of a run. `load_config` makes one from the layers, `resolve` finds and checks the plugins'."""

    preset: str | tuple[str, ...] | None = Field(
        default=None,
        description="Name of an installed preset, or a list of names, each overriding those before it. All settings "
        "given here override the presets'.",
    )
    run: RunSettings = Field(default=RunSettings(), description="The run: its name, seed, and the folder of all runs.")
    redis: RedisSettings = Field(
        default=RedisSettings(), description="The server that connects training node and clients."
    )
    environment: Part = Field(default=Part(name="gymnasium"), description="The environment to learn in.")
    algorithm: Part = Field(default=Part(name="dqn"), description="The algorithm that learns.")
    connectors: tuple[Part, ...] = Field(
        default=(), description="Plugins that show or store what happens in the training: a list of {name, config}."
    )
    telemetry: TelemetrySettings = Field(
        default=TelemetrySettings(), description="The telemetry node, which shows the training on a web page."
    )
    training: TrainingSettings = Field(default=TrainingSettings(), description="The training node.")
    client: ClientSettings = Field(
        default=ClientSettings(), description="The clients, which receive these settings from the training node."
    )

    _sources: Sources = PrivateAttr(default_factory=Sources)

    @property
    def sources(self) -> Sources:
        """The layers that the configuration was made of."""
        return self._sources

    @field_validator("preset", mode="before")
    @classmethod
    def _is_a_name_or_names(cls, preset: object) -> object:
        names = preset if isinstance(preset, list | tuple) else [preset]
        if preset is not None and not all(isinstance(name, str) for name in names):
            raise ValueError("must be the name of a preset or a list of names")
        return preset

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.client.max_message_mb > self.training.max_message_mb:
            raise ValueError(
                f"client.max_message_mb ({self.client.max_message_mb:g}) must not be more than "
                f"training.max_message_mb ({self.training.max_message_mb:g}): all samples would be rejected"
            )
        if self.client.max_message_mb > self.training.contributors.max_message_mb:
            raise ValueError(
                f"client.max_message_mb ({self.client.max_message_mb:g}) must not be more than "
                f"training.contributors.max_message_mb ({self.training.contributors.max_message_mb:g}): "
                "all samples of contributors would be rejected"
            )
        if self.client.heartbeat_interval_s >= self.training.client_timeout_s:
            raise ValueError(
                f"client.heartbeat_interval_s ({self.client.heartbeat_interval_s:g}) must be less than "
                f"training.client_timeout_s ({self.training.client_timeout_s:g}): all clients would count as lost"
            )
        return self
