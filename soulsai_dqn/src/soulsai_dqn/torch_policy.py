"""The Q-network in torch, for clients that observe images."""

from __future__ import annotations

import numpy as np
import torch

from soulsai_core import Arrays
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import Features
from soulsai_dqn.heads import make_head
from soulsai_dqn.layers import draw_noise
from soulsai_dqn.networks import QNetwork


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
        self._network = QNetwork(config, features, actions, self._head.atoms, torch.Generator())
        self._noise = None if rng is None else torch.Generator().manual_seed(int(rng.integers(2**31)))
        self._network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})

    def one(self, observations: Arrays) -> np.ndarray:
        """Q-values (actions,) for name -> (1, *shape)."""
        return self.many(observations)[0]

    @torch.no_grad()
    def many(self, observations: Arrays) -> np.ndarray:
        """Q-values (n, actions) for name -> (n, *shape)."""
        if self._noise is not None:
            draw_noise(self._network, self._noise)
        tensors = {name: torch.tensor(np.ascontiguousarray(array)) for name, array in observations.items()}
        return self._head.values(self._network(tensors)).numpy()
