"""A fight in the simulated game, seen from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_souls_env.agents import Agent
from soulsai_souls_env.building import make_gym
from soulsai_souls_env.config import SoulsConfig


@dataclass(frozen=True, slots=True)
class Moment:
    """Both sides after a step: (x, y, heading), animation and its seconds, and health as soulsgym counts it."""

    player: tuple[float, float, float]
    boss: tuple[float, float, float]
    player_animation: str
    boss_animation: str
    boss_since: float
    player_hp: float
    boss_hp: float


@dataclass(frozen=True, slots=True)
class Fight:
    """Attributes:
    total_reward: the return.
    won: the boss was beaten.
    """

    moments: tuple[Moment, ...]
    total_reward: float
    won: bool
    boss_hp: float


class Ring:
    """Where agents fight one after another.

    Args:
        watched: keep the moments of each fight.
    """

    def __init__(self, config: SoulsConfig, seed: int | None, *, watched: bool = False) -> None:
        self._env = make_gym(config.model_copy(update={"game": "simulated"}), seed)
        self._watched = watched

    def fight(self, agent: Agent) -> Fight:
        """From the first to the last step."""
        observation, info = self._env.reset()
        moments = []
        total = 0.0
        ended = False
        starts = np.ones(1, np.bool_)
        while not ended:
            mask = np.zeros((1, self._env.action_space.n), np.bool_)  # type: ignore[attr-defined]
            mask[0, info["allowed_actions"]] = True
            action = agent({"observation": observation[None]}, mask, starts)
            starts = np.zeros(1, np.bool_)
            observation, reward, terminated, truncated, info = self._env.step(action)
            total = total + float(reward)
            ended = terminated or truncated
            if self._watched:
                moments.append(_moment(self._env.unwrapped))
        return Fight(tuple(moments), total, bool(info["won"]), info["boss_hp"])

    def close(self) -> None:
        """Nobody fights here any more."""
        self._env.close()


def _moment(soulsgym: Any) -> Moment:
    arena = soulsgym.game.arena
    state = soulsgym._internal_state
    player = arena.player
    boss = arena.boss
    return Moment(
        (player.x, player.y, player.heading),
        (boss.x, boss.y, boss.heading),
        player.animation,
        boss.animation,
        boss.since,
        state.player_hp / state.player_max_hp,
        state.boss_hp / state.boss_max_hp,
    )
