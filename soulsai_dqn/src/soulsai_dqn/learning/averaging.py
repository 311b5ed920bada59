"""The mean of the networks of a training's last part: steadier than any one of them, for agents that only play."""

from __future__ import annotations

import copy

from torch import nn

from soulsai_dqn.networks.q_network import Follower


class AveragedNetwork:
    """Weights averaged over a share of the training that grows with it (Nikishin et al. 2018, who average the weights
    of reinforcement learning; Karras et al. 2024, section 3.1, whose window is a share of the training so far).

    Attributes:
        network: the mean.
        count: networks that it was made of.

    Args:
        network: what it begins with, and is the mean of.
        flat: its parameters as one vector.
        share: of the networks so far about the last `share` count; within that they count the less, the older.
    """

    def __init__(self, network: nn.Module, flat: nn.Parameter, share: float) -> None:
        self.network = copy.deepcopy(network)
        self._follower = Follower(self.network, network, flat)
        self._share = share
        self.count = 0

    def add(self) -> None:
        """Take in the network as it is now."""
        self.count += 1
        self._follower.follow(min(1.0, 1.0 / (self._share * self.count)))

    def restart(self, count: int = 0) -> None:
        """Go on as if it were made of so many networks; of 0, it forgets what was before."""
        self.count = count
