"""Agents without learning, with which trained ones are compared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soulsai_core import Actor, Agent, Arrays, Weights
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin

# Indices of soulsgym's action table.
LIGHT_ATTACK = 16
NO_OP = 19

Choice = Callable[[np.ndarray], int]
"""Bool (actions,) of valid actions -> action."""


class Baseline(Actor):
    """An actor that looks at the valid actions alone."""

    def __init__(self, choose: Choice) -> None:
        self._choose = choose

    def load(self, weights: Weights) -> None:
        """There are none."""

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        assert masks is not None, "soulsgym says which actions are valid"
        return np.array([self._choose(row) for row in masks], np.int64), {}


def at_random() -> Choice:
    """All valid actions have the same probability."""
    rng = np.random.default_rng(0)
    return lambda valid: int(rng.choice(np.flatnonzero(valid)))


def attacking() -> Choice:
    """A light attack whenever that is valid, and otherwise nothing."""
    return lambda valid: LIGHT_ATTACK if valid[LIGHT_ATTACK] else NO_OP


BASELINES = {"random": at_random, "attack": attacking}


def baseline(name: str, config: SoulsConfig) -> Agent:
    """One of `BASELINES` as an agent of this environment."""
    return Agent(Baseline(BASELINES[name]()), plugin.spec(config), plugin, config, 0)


def simulated(boss: str) -> SoulsConfig:
    """Fights against a boss in the simulated game, as its preset has them: from random positions if there are any."""
    return SoulsConfig(id=f"SoulsGym{boss.capitalize()}-v0", game="simulated", init_pose_randomization=boss == "iudex")


def win_rate(agent: Agent, fights: int, config: SoulsConfig) -> float:
    """Fights won, in percent. All agents get the same fights."""
    environment = plugin.make(config, 12345)
    try:
        won = sum(episode.metrics["won"] for episode in agent.play(fights, environment=environment))
    finally:
        environment.close()
    return 100 * won / fights
