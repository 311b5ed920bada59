"""Exploration that never picks an action that is not valid."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from soulsai_dqn.config import DQNConfig, LadderConfig
from soulsai_dqn.schedules import explored

_GOLDEN = (5**0.5 - 1) / 2
_SILVER = 2**0.5 - 1
Places = TypeVar("Places", float, np.ndarray)


def ladder_epsilon(config: LadderConfig, place: Places) -> Places:
    """Share of random actions in places from 0 to 1 (Horgan et al. 2018: there, place i / (N - 1) of N actors)."""
    return config.base ** (1 + config.exponent * place)


def client_start(number: int) -> float:
    """Where client `number`, counted from 0, begins on the ladder: the golden ratio leaves no part of it empty, however
    many clients there are, and none moves when others come and go. A single one begins in the middle."""
    return (0.5 + number * _GOLDEN) % 1.0


def ladder_places(start: float, environments: int) -> np.ndarray:
    """Where each environment of a client that begins at `start` stands on the ladder, 0 to 1.

    The environments of one client are spread by the silver ratio, so that they do not fall onto other clients'."""
    return (start + np.arange(environments) * _SILVER) % 1.0


def usable(values: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
    """Values (n, actions) with -inf for actions that are not valid; in rows whose mask has none, all are."""
    return values if masks is None else np.where(masks | ~masks.any(1, keepdims=True), values, -np.inf)


def random_action(rng: np.random.Generator, mask: np.ndarray | None, actions: int) -> int:
    """Uniform over the valid actions; over all, where a mask has none."""
    if mask is not None:
        valid = np.flatnonzero(mask)
        if len(valid):
            return int(valid[rng.integers(len(valid))])
    return int(rng.integers(actions))


def boltzmann_actions(
    rng: np.random.Generator, values: np.ndarray, temperature: float, masks: np.ndarray | None
) -> np.ndarray:
    """Valid action i of each row of values (n, actions) with probability in proportion to exp(value_i / temperature),
    by the largest of the values with Gumbel noise."""
    return usable(values / temperature + rng.gumbel(size=values.shape), masks).argmax(1)


class Explorer:
    """Decides for each environment of a client between its Q-values and chance.

    Args:
        explore: else the action of the highest value is taken.

    Attributes:
        epsilon: share of random actions, that of the first environment where they differ.
        temperature: of Boltzmann's exploration, None without it.
    """

    def __init__(self, config: DQNConfig, rng: np.random.Generator, *, explore: bool = True) -> None:
        self._config = config
        self._rng = rng
        self._kind = config.exploration if explore else "none"
        self._start = float(rng.random())
        self.temperature: float | None = None
        self.epsilon = 0.0
        self.follow(0)

    def placed(self, number: int) -> None:
        """The client has this number, counted from 0. Before that is known, it begins anywhere."""
        self._start = client_start(number)

    def follow(self, env_steps: int) -> None:
        """Schedules go on to so many environment steps of all clients."""
        if self._kind == "epsilon":
            self.epsilon = explored(self._config.epsilon, env_steps)
        elif self._kind == "ladder":
            self.epsilon = float(self.shares(1)[0])
        elif self._kind == "boltzmann":
            self.temperature = explored(self._config.boltzmann, env_steps)

    def shares(self, environments: int) -> np.ndarray:
        """Share of random actions in each environment, (environments,)."""
        if self._kind != "ladder":
            return np.full(environments, self.epsilon)
        return ladder_epsilon(self._config.ladder, ladder_places(self._start, environments))

    def actions(self, values: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """An action for each row of Q-values (n, actions), the environments of a client: int64 (n,)."""
        if self.temperature is None:
            actions = usable(values, masks).argmax(1)
        else:
            actions = boltzmann_actions(self._rng, values, self.temperature, masks)
        for row in np.flatnonzero(self._rng.random(len(values)) < self.shares(len(values))):
            actions[row] = random_action(self._rng, None if masks is None else masks[row], values.shape[1])
        return actions

    def metrics(self) -> dict[str, float]:
        """What is reported with each episode."""
        return {"epsilon": self.epsilon} if self.temperature is None else {"temperature": self.temperature}
