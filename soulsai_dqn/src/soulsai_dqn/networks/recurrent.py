"""R2D2's network (Kapturowski et al. 2019) in torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from soulsai_core import Features, NetworkPlugin
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.networks.q_network import QNetwork


class RecurrentQNetwork(QNetwork):
    """An encoder, dense layers, an LSTM, and the head."""

    def __init__(
        self,
        config: DQNConfig,
        features: Features,
        actions: int,
        atoms: int,
        generator: torch.Generator,
        *,
        plugin: NetworkPlugin | None = None,
    ) -> None:
        assert config.recurrent is not None
        width = config.recurrent.width
        super().__init__(config, features, actions, atoms, generator, plugin=plugin, head_inputs=width)
        inputs = config.hidden[-1] if config.hidden else self.inputs
        self._sees_action = config.recurrent.previous_action
        self.lstm = nn.LSTM(inputs + (actions if self._sees_action else 0), width, batch_first=True)
        bound = width**-0.5
        for parameter in self.lstm.parameters():  # again, since torch drew them from its global generator
            nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def step(self, observations: Mapping[str, Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
        """Atoms (n, actions, K) and the LSTM's state after (n, 2 * width), for name -> (n, *shape) and the state
        before, as `spaces.state_size` tells."""
        memory, previous = self._parts(state)
        x = torch.cat([self._hidden(observations), previous], 1).unsqueeze(1)
        outputs, after = self.lstm(x, _output_and_cell(memory))
        return self.combined(self.dense[-1](outputs[:, 0])), torch.cat([part[0] for part in after], 1)

    def unroll(
        self, observations: Mapping[str, Tensor], actions: Tensor, state: Tensor, burn_in: int, begins: Tensor
    ) -> Tensor:
        """Atoms (n, time, actions, K).

        Args:
            observations: name -> (n, time, *shape).
            actions: int (n, time - 1), those between the observations.
            state: before the first step, as `spaces.state_size` tells.
            burn_in: first steps that only bring the state up to date; no gradient flows back into them ...
            begins: bool (n,), ... except in sequences that begin an episode, whose first state is exact.
        """
        n, time = next(iter(observations.values())).shape[:2]
        x = self._hidden({name: rows.flatten(0, 1) for name, rows in observations.items()}).view(n, time, -1)
        memory, previous = self._parts(state)
        now = _output_and_cell(memory)
        if self._sees_action:
            following = nn.functional.one_hot(actions.long(), self.actions).to(x.dtype)
            x = torch.cat([x, torch.cat([previous.unsqueeze(1), following], 1)], 2)
        outputs = []
        if burn_in:
            warm, now = self.lstm(x[:, :burn_in], now)
            # Only the state is cut off. Outputs of the burn-in stay in the graph, since some are learned from: those
            # of a sequence that begins an episode, and the last one of a sequence that is no longer than its burn-in.
            now = tuple(torch.where(begins.view(1, -1, 1), part, part.detach()) for part in now)
            outputs.append(warm)
        outputs.append(self.lstm(x[:, burn_in:], now)[0])
        atoms = self.combined(self.dense[-1](torch.cat(outputs, 1).reshape(n * time, -1)))
        return atoms.view(n, time, *atoms.shape[1:])

    def _parts(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Output and cell (n, 2 * width), and the previous action (n, actions), or (n, 0) where it is not seen."""
        width = 2 * self.lstm.hidden_size
        return state[:, :width], state[:, width:]


def _output_and_cell(state: Tensor) -> tuple[Tensor, ...]:
    """Output and cell, (1, n, width) each, of (n, 2 * width)."""
    return tuple(part.contiguous().unsqueeze(0) for part in state.chunk(2, dim=1))


def make_network(
    config: DQNConfig,
    features: Features,
    actions: int,
    atoms: int,
    generator: torch.Generator,
    plugin: NetworkPlugin | None = None,
) -> QNetwork:
    """The configured Q-network, with an LSTM or without. `plugin` is the encoder's; None looks for it."""
    kind = QNetwork if config.recurrent is None else RecurrentQNetwork
    return kind(config, features, actions, atoms, generator, plugin=plugin)
