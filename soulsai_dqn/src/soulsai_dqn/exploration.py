"""Exploration that never picks an action that is not valid."""

from __future__ import annotations

import numpy as np

from soulsai_dqn.config import BoltzmannConfig, DQNConfig, EpsilonConfig, LadderConfig

_GOLDEN, _SILVER = (5**0.5 - 1) / 2, 2**0.5 - 1


def scheduled(config: EpsilonConfig | BoltzmannConfig, env_steps: int) -> float:
    """From start to end, linearly over so many environment steps of all clients."""
    done = min(env_steps / config.steps, 1.0)
    return config.start * (1 - done) + config.end * done


def ladder_epsilon(config: LadderConfig, place: float) -> float:
    """Share of random actions in a place from 0 to 1 (Horgan et al. 2018: there, place i / (N - 1) of N actors)."""
    return config.base ** (1 + config.exponent * place)


def client_start(number: int) -> float:
    """Where client `number`, counted from 0, begins on the ladder: the golden ratio leaves no part of it empty, however
    many clients there are, and none moves when others come and go. A single one begins in the middle."""
    return (0.5 + number * _GOLDEN) % 1.0


def ladder_place(start: float, environment: int) -> float:
    """Where an environment of a client that begins at `start` stands on the ladder, 0 to 1.

    The environments of one client are spread by the silver ratio, so that they do not fall onto other clients'."""
    return (start + environment * _SILVER) % 1.0


def random_action(rng: np.random.Generator, mask: np.ndarray | None, actions: int) -> int:
    """Uniform over the valid actions; over all, where a mask has none."""
    if mask is not None:
        valid = np.flatnonzero(mask)
        if len(valid):
            return int(valid[rng.integers(len(valid))])
    return int(rng.integers(actions))


def greedy_action(values: np.ndarray, mask: np.ndarray | None) -> int:
    """The valid action of highest value in float (actions,); of all, where a mask has none."""
    if mask is not None and mask.any():
        values = np.where(mask, values, -np.inf)
    return int(values.argmax())


def boltzmann_action(rng: np.random.Generator, values: np.ndarray, temperature: float, mask: np.ndarray | None) -> int:
    """Valid action i with probability in proportion to exp(values_i / temperature), by the largest of the values with
    Gumbel noise."""
    return greedy_action(values / temperature + rng.gumbel(size=len(values)), mask)


class Explorer:
    """Decides for each environment of a client between its Q-values and chance.

    Attributes:
        epsilon: share of random actions, that of the first environment where they differ.
        temperature: of Boltzmann's exploration, None without it.
    """

    def __init__(self, config: DQNConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._start = float(rng.random())
        self.temperature: float | None = None
        self.epsilon = 0.0
        self.follow(0)

    def placed(self, number: int) -> None:
        """The client is number so and so, counted from 0. Before that is known, it begins anywhere."""
        self._start = client_start(number)

    def follow(self, env_steps: int) -> None:
        """Schedules go on to so many environment steps of all clients."""
        if self._config.exploration == "epsilon":
            self.epsilon = scheduled(self._config.epsilon, env_steps)
        elif self._config.exploration == "ladder":
            self.epsilon = self.share(0)
        elif self._config.exploration == "boltzmann":
            self.temperature = scheduled(self._config.boltzmann, env_steps)

    def share(self, environment: int) -> float:
        """Share of random actions in an environment."""
        if self._config.exploration != "ladder":
            return self.epsilon
        return ladder_epsilon(self._config.ladder, ladder_place(self._start, environment))

    def choose(self, values: np.ndarray, mask: np.ndarray | None) -> int:
        """An action from Q-values (actions,)."""
        if self.temperature is not None:
            return boltzmann_action(self._rng, values, self.temperature, mask)
        return greedy_action(values, mask)

    def actions(self, values: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """An action for each row of Q-values (n, actions), the environments of a client: int64 (n,)."""
        actions = np.empty(len(values), np.int64)
        for row in range(len(values)):
            mask = None if masks is None else masks[row]
            if self._rng.random() < self.share(row):
                actions[row] = random_action(self._rng, mask, values.shape[1])
            else:
                actions[row] = self.choose(values[row], mask)
        return actions

    def metrics(self) -> dict[str, float]:
        """What is reported with each episode."""
        return {"epsilon": self.epsilon} if self.temperature is None else {"temperature": self.temperature}
