"""Settings that change during a training."""

from __future__ import annotations

from collections.abc import Mapping

from soulsai_dqn.config import BoltzmannConfig, EpsilonConfig, Schedule


def linear(start: float, end: float, steps: int, done: int) -> float:
    """The value after `done` of `steps` steps, on the line from `start` to `end`; `end` after that."""
    share = min(done / steps, 1.0)
    return start * (1 - share) + end * share


def scheduled(setting: float | Schedule[int] | Schedule[float], done: Mapping[str, int]) -> float:
    """The present value of a setting. `done` has the steps made so far, by the names of `Schedule.over`."""
    if isinstance(setting, Schedule):
        return linear(setting.start, setting.end, setting.steps, done[setting.over])
    return setting


def annealed(config: EpsilonConfig | BoltzmannConfig, env_steps: int) -> float:
    """Epsilon or the temperature after this many environment steps of all clients."""
    return linear(config.start, config.end, config.steps, env_steps)
