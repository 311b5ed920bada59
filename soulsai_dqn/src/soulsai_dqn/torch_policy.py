"""The Q-networks in torch, for clients that observe images."""

from __future__ import annotations

import numpy as np
import torch

from soulsai_core import Arrays
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import VECTOR, Features
from soulsai_dqn.heads import make_head
from soulsai_dqn.layers import draw_noise
from soulsai_dqn.networks import QNetwork
from soulsai_dqn.normalization import MEAN, normalized
from soulsai_dqn.recurrent import RecurrentQNetwork


class TorchQ:
    """Q-values of any network.

    Args:
        arrays: as `QNetwork` names them.
        rng: for the noise of noisy layers; None acts without it.
    """

    def __init__(
        self, arrays: Arrays, config: DQNConfig, features: Features, actions: int, rng: np.random.Generator | None
    ) -> None:
        torch.set_num_threads(config.threads)
        self._head = make_head(config)
        self._network = QNetwork(config, features, actions, self._head.atoms, torch.Generator()).eval()
        self._noise = _noise(rng)
        self._network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})

    def one(self, observations: Arrays) -> np.ndarray:
        """Q-values (actions,) for name -> (1, *shape)."""
        return self.many(observations)[0]

    @torch.no_grad()
    def many(self, observations: Arrays) -> np.ndarray:
        """Q-values (n, actions) for name -> (n, *shape)."""
        if self._noise is not None:
            draw_noise(self._network, self._noise)
        return self._head.values(self._network(_tensors(observations))).numpy()


class TorchRecurrentQ:
    """Q-values of any recurrent network, a step at a time.

    Args:
        arrays: as `RecurrentQNetwork` names them, and "normalizer.mean" and "normalizer.scale" if vectors are
            normalised.
        rng: for the noise of noisy layers; None acts without it.
    """

    def __init__(
        self, arrays: Arrays, config: DQNConfig, features: Features, actions: int, rng: np.random.Generator | None
    ) -> None:
        torch.set_num_threads(config.threads)
        self._arrays, self._head = arrays, make_head(config)
        self._network = RecurrentQNetwork(config, features, actions, self._head.atoms, torch.Generator()).eval()
        self._noise = _noise(rng)
        weights = {name: torch.tensor(a) for name, a in arrays.items() if not name.startswith("normalizer.")}
        self._network.load_state_dict(weights)

    @torch.no_grad()
    def step(self, observations: Arrays, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-values (n, actions) and the state after, for name -> (n, *shape) and the state before (n, 2 * width)."""
        if MEAN in self._arrays:
            observations = {**observations, VECTOR: normalized(observations[VECTOR], self._arrays)}
        if self._noise is not None:
            draw_noise(self._network, self._noise)
        atoms, after = self._network.step(_tensors(observations), torch.tensor(state))
        return self._head.values(atoms).numpy(), after.numpy()


def _noise(rng: np.random.Generator | None) -> torch.Generator | None:
    return None if rng is None else torch.Generator().manual_seed(int(rng.integers(2**31)))


def _tensors(observations: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(np.ascontiguousarray(array)) for name, array in observations.items()}
