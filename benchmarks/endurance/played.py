"""Environments at the pace of a game that count their steps, such as
`benchmarks.endurance.played:PlayedCartPole100Hz-v0`; with 10Hz and LunarLander likewise."""

from __future__ import annotations

from typing import Any

import gymnasium

from benchmarks.endurance.counts import kept_counts
from benchmarks.paced_cart_pole import Paced


class Played(Paced):
    """An environment whose steps take at least `step_s` seconds and are counted."""

    def __init__(self, env: gymnasium.Env[Any, Any], step_s: float) -> None:
        super().__init__(env, step_s)
        self._kept = kept_counts()

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = super().step(action)
        if self._kept is not None:
            self._kept.counts.played += 1
            self._kept.counts.ended += result[2] or result[3]
            self._kept.keep()
        return result


def make(id: str, step_s: float, **options: Any) -> gymnasium.Env[Any, Any]:
    """The environment, for gymnasium's registry."""
    return Played(gymnasium.make(id, **options), step_s)


for hertz in (10, 100):
    for name, version, longest in (("CartPole", "v1", 500), ("LunarLander", "v3", 1000)):
        gymnasium.register(
            f"Played{name}{hertz}Hz-v0",
            entry_point=f"{__name__}:make",
            max_episode_steps=longest,
            kwargs={"id": f"{name}-{version}", "step_s": 1 / hertz},
        )
