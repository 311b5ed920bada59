"""The agents that can fight: two baselines without learning, or the trained agent of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from soulsai_core import Arrays, EnvSpec, SoulsAIError, load_agent

Agent = Callable[[Arrays, np.ndarray, np.ndarray], int]
"""(observations of one row, bool (1, actions) of valid actions, bool (1,): the fight begins) -> action."""

# Indices of soulsgym's action table.
LIGHT_ATTACK = 16
NO_OP = 19


def random_agent(seed: int | None) -> Agent:
    """Draws among the valid actions, all with the same probability."""
    rng = np.random.default_rng(seed)
    return lambda _observations, masks, _starts: int(rng.choice(np.flatnonzero(masks[0])))


def attack_agent(_seed: int | None) -> Agent:
    """Makes a light attack whenever that is valid, and otherwise nothing."""
    return lambda _observations, masks, _starts: LIGHT_ATTACK if masks[0, LIGHT_ATTACK] else NO_OP


BASELINES = {"random": random_agent, "attack": attack_agent}


def find_agent(name: str, seed: int | None, spec: EnvSpec) -> Agent:
    """A baseline by its name, or the trained agent in the folder of a run or of a checkpoint.

    Raises:
        SoulsAIError: if the agent was trained in an environment whose observations or actions are not those of `spec`.
    """
    if name in BASELINES:
        return BASELINES[name](seed)
    trained = load_agent(Path(name), seed=seed)
    if (trained.spec.observations, trained.spec.action) != (spec.observations, spec.action):
        raise SoulsAIError(
            f"The agent in {name} was trained on {trained.spec.name}, and what it observes there is not what "
            f"{spec.name} shows. `--boss` chooses the boss to fight against."
        )
    return lambda observations, masks, starts: int(trained.act(observations, masks, starts)[0])
