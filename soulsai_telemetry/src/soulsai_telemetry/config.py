"""Settings of the telemetry node, below `telemetry.config`."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from soulsai_core import Settings
from soulsai_core.app import HostNames, StopSettings

BUILT_IN = ("return", "length", "seconds")
"""Metrics of every run: the episode's return, its number of steps, and its wall time in seconds."""

CONDITION = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


_MIN_TOKEN = 16
"""Characters of a token. A shorter one could be guessed."""

TOKEN_FORM = f"one word of at least {_MIN_TOKEN} ASCII characters"
"""What a token must be."""


def is_token(text: str) -> bool:
    """Whether this can be the page's token: it travels in a header."""
    return len(text) >= _MIN_TOKEN and text.isascii() and text.isprintable() and " " not in text


class MetricSettings(Settings):
    key: str = Field(
        default="total_reward",
        min_length=1,
        description="What is measured: total_reward, length, seconds, seconds_per_step, seconds_between (since the "
        "previous report), iteration, or any number that the environment puts into `info`.",
    )
    condition: str | None = Field(
        default=None,
        description='Condition such as "> 200": the metric is 1 where it holds, else 0; null: the metric is the '
        "value itself.",
    )

    @field_validator("condition")
    @classmethod
    def _is_a_comparison(cls, condition: str | None) -> str | None:
        if condition is not None and not CONDITION.fullmatch(condition):
            raise ValueError('must be a comparison with a number, such as "> 200"')
        return condition


class BestSettings(Settings):
    metric: str = Field(default="return", description="Metric whose moving average tells which model is the best.")
    mode: Literal["max", "min"] = Field(default="max", description="Whether a higher or a lower value is better.")
    save: bool = Field(default=True, description="Ask the training node to save the best model to best_model/.")
    interval_s: float = Field(default=5, ge=0, description="Shortest time between two saves of the best model.")


class PageSettings(Settings):
    enabled: bool = Field(default=True, description="Serve the live page.")
    host: str = Field(
        default="127.0.0.1", description="Address to listen at; 0.0.0.0 lets phones and other machines read the page."
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Port to listen at; null takes 8081, or the next one that is free."
    )
    hosts: HostNames = ()
    runs: bool = Field(
        default=True, description="List the other runs in run.saves on the page, and compare their curves with these."
    )
    stay_s: float = Field(
        default=900,
        ge=0,
        description="Seconds that the page stays after a training that ended, if a browser has shown it; 0: it ends "
        "with the training.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="Token that is needed to save the model from the page, and to change settings if "
        "training.changes_from_page allows that; null: from token_file.",
    )
    token_file: str | None = Field(
        default=None, description="File with the token as its only line; null without a token: the page is read-only."
    )

    @field_validator("token")
    @classmethod
    def _is_a_long_word(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not is_token(token.get_secret_value()):
            raise ValueError(f"must be {TOKEN_FORM}")
        return token


class FilmSettings(Settings):
    every_s: float | None = Field(
        default=None,
        ge=10,
        description="Seconds between two films of an episode, for the page. The telemetry node's machine plays the "
        "newest checkpoint without exploration; it needs the environment, and imageio-ffmpeg. null: no films.",
    )


class TelemetryConfig(Settings):
    update_interval: int = Field(default=2, ge=1, description="Episodes after which connectors are called once.")
    moving_average: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Episodes in a moving average; null: as many as the training node averages "
        "(training.stop.episodes), so that all show the same mean return.",
    )
    metrics: dict[str, MetricSettings] = Field(
        default={},
        description="Metrics besides return, length and seconds, by the name under which they are shown: {key, "
        'condition}, such as win: {key: total_reward, condition: "> 200"}.',
    )
    info_metrics: bool = Field(
        default=True, description="Show every number that the environment or the actor reports as a metric."
    )
    best: BestSettings = Field(default=BestSettings(), description="Which model is the best, and when it is saved.")
    page: PageSettings = Field(default=PageSettings(), description="The live page.")
    films: FilmSettings = Field(
        default=FilmSettings(), description="Films of the agent; the newest, the best and the worst are kept."
    )

    @property
    def window(self) -> int:
        """Episodes in a moving average."""
        return self.moving_average or StopSettings().episodes

    @model_validator(mode="after")
    def _best_metric_is_known(self) -> Self:
        known = [*BUILT_IN, *self.metrics]
        if self.best.metric not in known and not self.info_metrics:
            raise ValueError(f"best.metric is {self.best.metric!r}, which is none of the metrics {', '.join(known)}")
        return self
