"""The seed of a run that was given none."""

from __future__ import annotations

from collections.abc import Callable

from soulsai_core.config.models import Config


def seeded(config: Config, draw: Callable[[], int]) -> Config:
    """The configuration with a seed: its own, or one that `draw` gives. It is saved with the run, which can so be
    repeated."""
    if config.run.seed is not None:
        return config
    return config.model_copy(update={"run": config.run.model_copy(update={"seed": draw()})})
