"""The Q-networks in torch, for clients that observe images, and for networks of third parties."""

from __future__ import annotations

import numpy as np
import torch

from soulsai_core import Arrays, Features, NetworkPlugin
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.layers import draw_noise
from soulsai_dqn.networks.q_network import QNetwork
from soulsai_dqn.networks.recurrent import RecurrentQNetwork, make_network


class TorchQ:
    """Q-values of any network; a recurrent network is asked step by step.

    Args:
        arrays: as `QNetwork` and `RecurrentQNetwork` name them.
        rng: for the noise of noisy layers; None acts without noise.
        plugin: the encoder's; None looks for it.
    """

    def __init__(
        self,
        arrays: Arrays,
        config: DQNConfig,
        features: Features,
        actions: int,
        rng: np.random.Generator | None,
        plugin: NetworkPlugin | None = None,
    ) -> None:
        torch.set_num_threads(config.threads)
        self._head = make_head(config)
        # The initial parameters, which this generator draws, are overwritten at once.
        network: QNetwork = make_network(config, features, actions, self._head.atoms, torch.Generator(), plugin)
        self._network = network.eval()
        self._noise = None if rng is None else torch.Generator().manual_seed(int(rng.integers(2**31)))
        self._network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})

    def one(self, observations: Arrays) -> np.ndarray:
        """Q-values (actions,) for name -> (1, *shape)."""
        return self.many(observations)[0]

    @torch.no_grad()
    def many(self, observations: Arrays) -> np.ndarray:
        """Q-values (n, actions) for name -> (n, *shape)."""
        return self._head.values(self._network(self._inputs(observations))).numpy()

    @torch.no_grad()
    def step(self, observations: Arrays, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q-values (n, actions) and the LSTM's state after (n, 2 * width), for name -> (n, *shape) and the state
        before, as `spaces.state_size` tells."""
        assert isinstance(self._network, RecurrentQNetwork)
        atoms, after = self._network.step(self._inputs(observations), torch.tensor(state))
        return self._head.values(atoms).numpy(), after.numpy()

    def _inputs(self, observations: Arrays) -> dict[str, torch.Tensor]:
        """The observations as tensors. Draws new noise for the forward pass that follows."""
        if self._noise is not None:
            draw_noise(self._network, self._noise)
        return {name: torch.tensor(np.ascontiguousarray(array)) for name, array in observations.items()}
