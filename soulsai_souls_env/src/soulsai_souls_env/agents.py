"""Who fights: yardsticks that learn nothing, or the agent of a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from soulsai_core import Arrays, load_agent

Agent = Callable[[Arrays, np.ndarray, np.ndarray], int]
"""(observations of one row, bool (1, actions) of valid actions, bool (1,): a fight begins) -> action."""

LIGHT_ATTACK = 16
NOTHING = 19


def random_agent(seed: int | None) -> Agent:
    """Any valid action."""
    rng = np.random.default_rng(seed)
    return lambda _observations, masks, _starts: int(rng.choice(np.flatnonzero(masks[0])))


def attacker(_seed: int | None) -> Agent:
    """Strikes whenever it can, and does nothing else."""
    return lambda _observations, masks, _starts: LIGHT_ATTACK if masks[0, LIGHT_ATTACK] else NOTHING


YARDSTICKS = {"random": random_agent, "attack": attacker}


def find_agent(name: str, seed: int | None) -> Agent:
    """A yardstick by its name, or a trained model by the folder of its training or of its checkpoint."""
    if name in YARDSTICKS:
        return YARDSTICKS[name](seed)
    trained = load_agent(Path(name), seed=seed)
    return lambda observations, masks, starts: int(trained.act(observations, masks, starts)[0])
