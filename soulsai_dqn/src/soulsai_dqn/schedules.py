"""Settings that change during a training."""

from __future__ import annotations

from collections.abc import Mapping

from soulsai_dqn.config import BoltzmannConfig, EpsilonConfig, Schedule


def linear(start: float, end: float, steps: int, done: int) -> float:
    """From start to end within so many steps, of which some are done."""
    share = min(done / steps, 1.0)
    return start * (1 - share) + end * share


def scheduled(setting: float | Schedule[int] | Schedule[float], done: Mapping[str, int]) -> float:
    """The number that holds now. `done` has the steps made so far, by the names of `Schedule.over`."""
    if isinstance(setting, Schedule):
        return linear(setting.start, setting.end, setting.steps, done[setting.over])
    return setting


def explored(config: EpsilonConfig | BoltzmannConfig, env_steps: int) -> float:
    """The share of random actions, or the temperature, after so many environment steps of all clients."""
    return linear(config.start, config.end, config.steps, env_steps)
