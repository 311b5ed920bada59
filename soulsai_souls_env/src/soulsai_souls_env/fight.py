"""Whole fights of an agent in the simulated game, with what is needed to draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_souls_env.adapter import state_reader, valid_actions
from soulsai_souls_env.agents import Agent
from soulsai_souls_env.building import make_gym
from soulsai_souls_env.config import SoulsConfig


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of the fight after one step.

    Attributes:
        player, boss: (x, y, heading), in meters and radians.
        boss_elapsed: seconds since the boss' animation began.
        player_hp, boss_hp: health as soulsgym counts it, as a share of the maximum.
    """

    player: tuple[float, float, float]
    boss: tuple[float, float, float]
    player_animation: str
    boss_animation: str
    boss_elapsed: float
    player_hp: float
    boss_hp: float


@dataclass(frozen=True, slots=True)
class FightResult:
    """Attributes:
    snapshots: one for each step; empty unless they were recorded.
    total_reward: the undiscounted return.
    won: the boss was beaten.
    boss_hp: the boss' health at the end, as a share of its maximum.
    """

    snapshots: tuple[Snapshot, ...]
    total_reward: float
    won: bool
    boss_hp: float


class FightRunner:
    """Plays fights, one after another, in the simulated game.

    Args:
        record: keep a snapshot of each step.
    """

    def __init__(self, config: SoulsConfig, seed: int | None, *, record: bool = False) -> None:
        self._env = make_gym(config.model_copy(update={"game": "simulated"}), seed)
        self._record = record

    def fight(self, agent: Agent) -> FightResult:
        """Play one episode."""
        observation, info = self._env.reset()
        snapshots = []
        total = 0.0
        ended = False
        starts = np.ones(1, np.bool_)
        while not ended:
            mask = valid_actions(info, self._env.action_space.n)  # type: ignore[attr-defined]
            action = agent({"observation": observation[None]}, mask[None], starts)
            starts = np.zeros(1, np.bool_)
            observation, reward, terminated, truncated, info = self._env.step(action)
            total += float(reward)
            ended = terminated or truncated
            if self._record:
                snapshots.append(snapshot(self._env.unwrapped))
        return FightResult(tuple(snapshots), total, bool(info["won"]), info["boss_hp"])

    def close(self) -> None:
        """End the game."""
        self._env.close()


def snapshot(soulsgym: Any) -> Snapshot:
    """The state of the fight in an environment of soulsgym with the simulated game."""
    # Health comes from soulsgym's state: the game's own health is refilled after each step.
    state = state_reader(soulsgym)(soulsgym)
    player = soulsgym.game.arena.player
    boss = soulsgym.game.arena.boss
    return Snapshot(
        (player.x, player.y, player.heading),
        (boss.x, boss.y, boss.heading),
        player.animation,
        boss.animation,
        boss.elapsed,
        state.player_hp / state.player_max_hp,
        state.boss_hp / state.boss_max_hp,
    )
