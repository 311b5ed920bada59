"""R2D2's gradient (Kapturowski et al. 2019): Q-learning over sequences, by autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from soulsai_dqn.learning.gradients import Batch, Gradient, Outcome, observed, zero_gradients
from soulsai_dqn.learning.targets import bootstrap_actions
from soulsai_dqn.networks.heads import Head
from soulsai_dqn.networks.recurrent import RecurrentQNetwork


class SequenceGradient(Gradient):
    """For a pair of recurrent networks. n-step targets come from the target network's own unrolling of each sequence.

    Args:
        double: the online network chooses the bootstrap action, else the target network.
        burn_in: first steps of a sequence that only bring the LSTM's state up to date.
    """

    def __init__(
        self, network: RecurrentQNetwork, target: RecurrentQNetwork, head: Head, *, double: bool, burn_in: int
    ) -> None:
        self._network = network
        self._target = target
        self._head = head
        self._double = double
        self._burn_in = burn_in

    def __call__(self, batch: Batch) -> Outcome:
        online = self._unrolled(self._network, batch)
        n, time = batch["action"].shape
        target = self._targets(batch, online.detach())
        action = batch["action"].long().view(n, time, 1, 1).expand(-1, -1, 1, self._head.atoms)
        chosen = online[:, :time].gather(2, action).squeeze(2)
        loss = self._head.loss(chosen.flatten(0, 1), target.flatten(0, 1)).view(n, time) * batch["learned"]
        if "weight" in batch:
            loss = loss * batch["weight"].unsqueeze(1)
        zero_gradients(self._network)
        # The mean over the steps that are learned from, not over sequences: short ones count less.
        (loss.sum() / batch["learned"].sum()).backward()
        return Outcome(chosen.detach(), target)

    def _unrolled(self, network: RecurrentQNetwork, batch: Batch) -> Tensor:
        return network.unroll(observed(batch), batch["action"], batch["state"], self._burn_in, batch["begins"])

    @torch.no_grad()
    def _targets(self, batch: Batch, online: Tensor) -> Tensor:
        n, time = batch["action"].shape
        atoms = self._unrolled(self._target, batch)
        rows = torch.arange(n, device=atoms.device).unsqueeze(1)
        steps = batch["following"].long()  # which step of the sequence each return bootstraps from
        after = atoms[rows, steps].flatten(0, 1)
        chooser = online[rows, steps].flatten(0, 1) if self._double else after
        mask = batch["next_mask"].flatten(0, 1) if "next_mask" in batch else None
        best = bootstrap_actions(self._head.values(chooser), mask).squeeze(1)
        following = after[torch.arange(n * time, device=atoms.device), best]
        reward = batch["reward"].flatten()
        discount = batch["discount"].flatten()
        return self._head.target(reward, discount, following).view(n, time, -1)


def sequence_errors(errors: Tensor, learned: Tensor, eta: float) -> Tensor:
    """eta * max + (1 - eta) * mean of absolute TD errors (n, time) where `learned` is 1 (section 2.3): (n,)."""
    errors = errors * learned
    return eta * errors.amax(1) + (1 - eta) * errors.sum(1) / learned.sum(1)
