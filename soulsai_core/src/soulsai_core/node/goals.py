"""The goals that end a training, and how far it is from them."""

from __future__ import annotations

import math

from soulsai_core.config import StopSettings
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.formatting import counted, duration, number
from soulsai_core.node.state import RunState
from soulsai_core.rates import Rate

_WINDOW = 300.0
"""Seconds over which the rates are measured that tell the time left."""


class Goals:
    """The goals of one run.

    Args:
        settings: each that is given ends the training; may be replaced.
        state, episodes: of the same node.
    """

    def __init__(self, settings: StopSettings, state: RunState, episodes: EpisodeLog) -> None:
        self.settings = settings
        self._state = state
        self._episodes = episodes
        self._steps = Rate(_WINDOW)
        self._iterations = Rate(_WINDOW)

    def reached(self, elapsed: float) -> str | None:
        """The sentence that says which goal was reached after `elapsed` seconds, None while there is none."""
        goals = self.settings
        if goals.env_steps is not None and self._state.env_steps >= goals.env_steps:
            return f"the goal of {counted(goals.env_steps, 'environment step')} is reached"
        if goals.iterations is not None and self._state.iteration >= goals.iterations:
            return f"the goal of {counted(goals.iterations, 'iteration')} is reached"
        if goals.seconds is not None and elapsed >= goals.seconds:
            return f"the time of {duration(goals.seconds)} is over"
        return self._return_reached()

    def beyond(self, elapsed: float) -> str:
        """The settings without which the run, resumed, would end at once: for each goal that is reached one twice as
        far as it and as what is done, and none in return, since it may be the highest that there is. "" if no goal is
        reached."""
        goals = self.settings
        done = {"env_steps": self._state.env_steps, "iterations": self._state.iteration, "seconds": elapsed}
        wanted = {name: getattr(goals, name) for name in done}
        further = [
            f"training.stop.{name}={_doubled(max(goal, done[name]))}"
            for name, goal in wanted.items()
            if goal is not None and done[name] >= goal
        ]
        if self._return_reached() is not None:
            further.append("training.stop.mean_return=null")
        return " ".join(further)

    def _return_reached(self) -> str | None:
        goal = self.settings.mean_return
        mean = self._episodes.mean_return
        # The mean of a few episodes may be high by chance, so the window must be full.
        if goal is None or mean is None or mean < goal or not self._episodes.window_is_full:
            return None
        # The mean is left out: where this sentence is shown, the newest mean stands next to it.
        return (
            f"the goal of a mean return of {number(goal)} over {counted(self.settings.episodes, 'episode')} is reached"
        )

    def distance(self, elapsed: float, now: float) -> tuple[float | None, float | None]:
        """The share done of the goal that will be reached first, and the seconds until then; None for what is unknown.
        To be called regularly, since it measures the rates. A goal in return has neither."""
        state = self._state
        goals = self.settings
        rates = (self._steps.note(now, state.env_steps), self._iterations.note(now, state.iteration), 1.0)
        done = (state.env_steps, state.iteration, elapsed)
        wanted = (goals.env_steps, goals.iterations, goals.seconds)
        found: list[tuple[float, float, float | None]] = []
        for target, value, rate in zip(wanted, done, rates, strict=True):
            if target is not None:
                left = max(target - value, 0.0) / rate if rate > 0 else None
                found.append((float("inf") if left is None else left, min(value / target, 1.0), left))
        if not found:
            return None, None
        # The first to be reached; where no rate is known yet, the one of which most is done.
        _, share, left = min(found, key=lambda goal: (goal[0], -goal[1]))
        return share, left


def _doubled(value: float) -> float:
    """Twice a positive number, rounded to two digits: a run ends a little after its goal, by a number nobody would
    choose."""
    return round(2 * value, 1 - math.floor(math.log10(2 * value)))
