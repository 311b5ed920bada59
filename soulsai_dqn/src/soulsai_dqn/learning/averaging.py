"""The mean of the newest networks of a training. Agents that only play act with it: it is better than most of them."""

from __future__ import annotations

import copy

from torch import nn

from soulsai_dqn.networks.parameters import PolyakAverage


class AveragedNetwork:
    """A moving average of the weights, whose window grows with the training (Nikishin et al. 2018, who average the
    weights of reinforcement learning; Karras et al. 2024, section 3.1, whose window is a share of the training so far).

    Args:
        network: the network in training; the average starts as a copy of it.
        parameters: its parameters as one vector.
        share: about this newest share of the networks so far counts, the older ones among them less.

    Attributes:
        network: the average.
        count: networks taken in so far.
    """

    def __init__(self, network: nn.Module, parameters: nn.Parameter, share: float) -> None:
        self.network = copy.deepcopy(network)
        self._average = PolyakAverage(self.network, network, parameters)
        self._share = share
        self.count = 0

    def add(self) -> None:
        """Take in the network as it is now."""
        self.count += 1
        # Weight 1/n gives the plain mean of n networks; 1/(share * n) forgets those older than about share * n.
        self._average.move(min(1.0, 1.0 / (self._share * self.count)))

    def restart(self, count: int = 0) -> None:
        """Go on as if `count` networks had been taken in; with 0, the next one replaces the average."""
        self.count = count
