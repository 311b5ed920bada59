"""R2D2's network and gradient (Kapturowski et al. 2019) in torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from soulsai_core import Features
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.gradients import Batch, Gradient, Outcome, observed
from soulsai_dqn.learning.targets import bootstrap_actions
from soulsai_dqn.networks.heads import Head
from soulsai_dqn.networks.q_network import QNetwork


class RecurrentQNetwork(QNetwork):
    """An encoder, dense layers, an LSTM, and the head."""

    def __init__(
        self, config: DQNConfig, features: Features, actions: int, atoms: int, generator: torch.Generator
    ) -> None:
        assert config.recurrent is not None
        super().__init__(config, features, actions, atoms, generator, head_inputs=config.recurrent.width)
        inputs = config.hidden[-1] if config.hidden else self.inputs
        self.lstm = nn.LSTM(inputs, config.recurrent.width, batch_first=True)
        bound = config.recurrent.width**-0.5
        for parameter in self.lstm.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def step(self, observations: Mapping[str, Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
        """Atoms (n, actions, K) and the state after, for name -> (n, *shape) and the state before (n, 2 * width)."""
        x = self._hidden(observations).unsqueeze(1)
        outputs, after = self.lstm(x, _parts(state))
        return self.combined(self.dense[-1](outputs[:, 0])), torch.cat([part[0] for part in after], 1)

    def unroll(self, observations: Mapping[str, Tensor], state: Tensor, burn_in: int, begins: Tensor) -> Tensor:
        """Atoms (n, time, actions, K).

        Args:
            observations: name -> (n, time, *shape).
            state: (n, 2 * width), output and cell before the first step.
            burn_in: no gradient flows from later steps into so many first ones ...
            begins: bool (n,), ... but where these begin an episode.
        """
        n, time = next(iter(observations.values())).shape[:2]
        x = self._hidden({name: rows.flatten(0, 1) for name, rows in observations.items()}).view(n, time, -1)
        now = _parts(state)
        outputs = []
        if burn_in:
            warm, now = self.lstm(x[:, :burn_in], now)
            now = tuple(torch.where(begins.view(1, -1, 1), part, part.detach()) for part in now)
            outputs.append(warm)
        outputs.append(self.lstm(x[:, burn_in:], now)[0])
        atoms = self.combined(self.dense[-1](torch.cat(outputs, 1).reshape(n * time, -1)))
        return atoms.view(n, time, *atoms.shape[1:])


def _parts(state: Tensor) -> tuple[Tensor, ...]:
    """Output and cell, (1, n, width) each, of (n, 2 * width)."""
    return tuple(part.contiguous().unsqueeze(0) for part in state.chunk(2, dim=1))


def make_network(
    config: DQNConfig, features: Features, actions: int, atoms: int, generator: torch.Generator
) -> QNetwork:
    """The configured Q-network, with memory or without."""
    kind = QNetwork if config.recurrent is None else RecurrentQNetwork
    return kind(config, features, actions, atoms, generator)


class SequenceGradient(Gradient):
    """Q-learning over sequences: n-step targets from the target network's own unrolling of the same sequence."""

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
        for parameter in self._network.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        (loss.sum() / batch["learned"].sum()).backward()
        return Outcome(chosen.detach(), target)

    def _unrolled(self, network: RecurrentQNetwork, batch: Batch) -> Tensor:
        return network.unroll(observed(batch), batch["state"], self._burn_in, batch["begins"])

    @torch.no_grad()
    def _targets(self, batch: Batch, online: Tensor) -> Tensor:
        n, time = batch["action"].shape
        atoms = self._unrolled(self._target, batch)
        rows = torch.arange(n, device=atoms.device).unsqueeze(1)
        steps = batch["following"].long()
        after = atoms[rows, steps].flatten(0, 1)
        chooser = online[rows, steps].flatten(0, 1) if self._double else after
        mask = batch["next_mask"].flatten(0, 1) if "next_mask" in batch else None
        best = bootstrap_actions(self._head.values(chooser), mask).squeeze(1)
        following = after[torch.arange(n * time, device=atoms.device), best]
        reward = batch["reward"].flatten()
        discount = batch["discount"].flatten()
        return self._head.target(reward, discount, following).view(n, time, -1)


def sequence_errors(errors: Tensor, learned: Tensor, eta: float) -> Tensor:
    """eta * max + (1 - eta) * mean of absolute TD errors (n, time) where `learned`: (n,)."""
    errors = errors * learned
    return eta * errors.amax(1) + (1 - eta) * errors.sum(1) / learned.sum(1)
