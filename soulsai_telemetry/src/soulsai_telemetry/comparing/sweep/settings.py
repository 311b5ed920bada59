"""The file of `soulsai sweep`: which settings are tried, how often, and by what they are judged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from soulsai_core import ConfigError, Settings
from soulsai_core.app import read_yaml

Number = int | float
_CORES_EACH = 2
"""Cores of one training: its node and its client."""


class Choice(Settings):
    """The values that a setting may get: some of a list, or a range."""

    choices: tuple[Any, ...] | None = Field(default=None, min_length=1, description="Values to choose from.")
    low: Number | None = Field(default=None, description="Lowest value. Whole numbers make a range of whole numbers.")
    high: Number | None = Field(default=None, description="Highest value.")
    log: bool = Field(default=False, description="Draw it on a logarithmic scale, as for step sizes.")

    @model_validator(mode="after")
    def _is_a_list_or_a_range(self) -> Self:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give choices, or low and high")
        if self.low is not None and self.high is not None:
            if not self.low <= self.high:
                raise ValueError(f"low is {self.low}, above high, which is {self.high}")
            if self.log and self.low <= 0:
                raise ValueError("a logarithmic scale begins above 0")
        return self

    def suggest(self, trial: Any, name: str) -> Any:
        """The value of this setting in a trial of Optuna."""
        if self.choices is not None:
            # By its place in the list: Optuna stores numbers and text alone.
            return self.choices[trial.suggest_categorical(name, list(range(len(self.choices))))]
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def shown(self, parameter: Any) -> Any:
        """The value that belongs to what Optuna stored."""
        return parameter if self.choices is None else self.choices[parameter]


class SweepSettings(Settings):
    train: tuple[str, ...] = Field(default=(), description="Arguments of `soulsai train` that all trials have.")
    settings: dict[str, Choice] = Field(min_length=1, description="Setting -> what it may be.")
    trials: int = Field(default=20, ge=1, description="Number of trainings.")
    parallel: int | None = Field(default=None, ge=1, description="Trainings at once; null: one for each two cores.")
    metric: str = Field(default="return", description="Metric whose moving average is the score.")
    score: Literal["last", "best"] = Field(default="last", description="Which moving average counts.")
    direction: Literal["maximize", "minimize"] = Field(default="maximize", description="Which score is better.")
    prune: bool = Field(default=True, description="End trials early that are worse than the median of the others.")
    warm_up: int = Field(default=4, ge=1, description="Trials before the first that may be ended early.")
    seed: int = Field(
        default=0, ge=0, description="Seed of the choices and of the first trial; each further trial has the next one."
    )

    @property
    def at_once(self) -> int:
        """Trainings at once on this machine."""
        return self.parallel or max((os.cpu_count() or 1) // _CORES_EACH, 1)


def read_sweep(file: Path) -> SweepSettings:
    """The settings in a file. Raises ConfigError with a line for each mistake."""
    try:
        return SweepSettings.model_validate(read_yaml(file) or {})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, flaw['loc']))}: {flaw['msg']}" for flaw in error.errors(include_url=False)]
        raise ConfigError(f"{file}: " + "; ".join(lines) + ".") from None
