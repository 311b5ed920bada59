"""Exploration. It never chooses an invalid action."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from soulsai_core import mask_invalid
from soulsai_dqn.config import DQNConfig, LadderConfig
from soulsai_dqn.schedules import annealed

# Multiples of an irrational number, modulo 1, spread evenly over 0 .. 1 however many there are (Weyl's sequence); the
# golden ratio spreads them best. A second ratio for the environments of one client keeps them off other clients'.
_GOLDEN = (5**0.5 - 1) / 2
_SILVER = 2**0.5 - 1
Positions = TypeVar("Positions", float, np.ndarray)


def ladder_epsilon(config: LadderConfig, position: Positions) -> Positions:
    """Epsilon at positions from 0 to 1 on the ladder (Horgan et al. 2018: i / (N - 1) for actor i of N)."""
    return config.base ** (1 + config.exponent * position)


def client_position(index: int) -> float:
    """The first position, 0 to 1, of the client with this index.

    No client moves when others join or leave, unlike with i / (N - 1). A single client is in the middle."""
    return (0.5 + index * _GOLDEN) % 1.0


def ladder_positions(start: float, environments: int) -> np.ndarray:
    """The position (environments,) of each environment of a client whose first position is `start`."""
    return (start + np.arange(environments) * _SILVER) % 1.0


def random_action(rng: np.random.Generator, mask: np.ndarray | None, actions: int) -> int:
    """Uniform over the valid actions; over all actions if the mask has no valid one."""
    if mask is not None:
        valid = np.flatnonzero(mask)
        if len(valid):
            return int(valid[rng.integers(len(valid))])
    return int(rng.integers(actions))


def boltzmann_actions(
    rng: np.random.Generator, values: np.ndarray, temperature: float, masks: np.ndarray | None
) -> np.ndarray:
    """An action (n,) for each row of values (n, actions), valid action i with probability in proportion to
    exp(value_i / temperature)."""
    # The largest value with Gumbel noise has the softmax's distribution (Gumbel 1954), and no exponential overflows.
    return mask_invalid(values / temperature + rng.gumbel(size=values.shape), masks).argmax(1)


class Explorer:
    """Chooses actions by Q-values or at random, for each environment of a client.

    Args:
        explore: False always takes the action with the largest value.

    Attributes:
        epsilon: share of random actions; that of the first environment where they differ.
        temperature: of Boltzmann exploration, None without it.
    """

    def __init__(self, config: DQNConfig, rng: np.random.Generator, *, explore: bool = True) -> None:
        self._config = config
        self._rng = rng
        self._kind = config.exploration if explore else "none"
        self._position = float(rng.random())  # until the node has given the client an index
        self.temperature: float | None = None
        self.epsilon = 0.0
        self.advance(0)

    def index_assigned(self, index: int) -> None:
        """The client has this index among all clients, from 0."""
        self._position = client_position(index)

    def change(self, config: DQNConfig) -> None:
        """Follow the schedules of these settings from the next `advance` on."""
        self._config = config

    def advance(self, env_steps: int) -> None:
        """Move the schedules on to this many environment steps of all clients."""
        if self._kind == "epsilon":
            self.epsilon = annealed(self._config.epsilon, env_steps)
        elif self._kind == "ladder":
            self.epsilon = float(self.epsilons(1)[0])
        elif self._kind == "boltzmann":
            self.temperature = annealed(self._config.boltzmann, env_steps)

    def epsilons(self, environments: int) -> np.ndarray:
        """Share of random actions in each environment, (environments,)."""
        if self._kind != "ladder":
            return np.full(environments, self.epsilon)
        return ladder_epsilon(self._config.ladder, ladder_positions(self._position, environments))

    def actions(self, values: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """An action for each row of Q-values (n, actions), one row an environment: int64 (n,)."""
        if self.temperature is None:
            actions = mask_invalid(values, masks).argmax(1)
        else:
            actions = boltzmann_actions(self._rng, values, self.temperature, masks)
        for row in np.flatnonzero(self._rng.random(len(values)) < self.epsilons(len(values))):
            actions[row] = random_action(self._rng, None if masks is None else masks[row], values.shape[1])
        return actions

    def metrics(self) -> dict[str, float]:
        """Numbers to report with each episode."""
        return {"epsilon": self.epsilon} if self.temperature is None else {"temperature": self.temperature}
