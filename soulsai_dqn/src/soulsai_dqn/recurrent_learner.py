"""R2D2's server half: DQN's, on sequences instead of transitions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from soulsai_core import Arrays, ArraySpec, EnvSpec, SampleBatch, State
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.gradients import Gradient, Outcome
from soulsai_dqn.learner import DQNLearner, make_replay
from soulsai_dqn.networks import QNetwork
from soulsai_dqn.optimization import Trainer
from soulsai_dqn.recurrent import RecurrentQNetwork, SequenceGradient, sequence_errors
from soulsai_dqn.replay import ReplayBuffer
from soulsai_dqn.sequences import Assembler, sequence_columns, step_columns

UNFINISHED = "unfinished"


class SequenceTrainer(Trainer):
    """Gradient steps on minibatches of sequences."""

    def _fresh(self) -> QNetwork:
        made = RecurrentQNetwork(self._config, self._features, self._actions, self.head.atoms, self._generator)
        return made.to(self.device)

    def _make_gradient(self) -> Gradient:
        assert self._config.recurrent is not None
        assert isinstance(self.network, RecurrentQNetwork) and isinstance(self.target, RecurrentQNetwork)
        options = {"double": self._config.double, "burn_in": self._config.recurrent.burn_in}
        return SequenceGradient(self.network, self.target, self.head, **options)  # type: ignore[arg-type]

    def errors(self, outcome: Outcome, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        assert self._config.recurrent is not None
        return sequence_errors(super().errors(outcome, batch), batch["learned"], self._config.recurrent.eta)


class RecurrentLearner(DQNLearner):
    """Takes in single steps and trains on sequences of them."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        super().__init__(config, spec, rng)
        self._assembler = Assembler(config, self.columns)

    def _make_columns(self, spec: EnvSpec, features: Features) -> dict[str, ArraySpec]:
        assert self._config.recurrent is not None
        width, prioritized = self._config.recurrent.width, self._config.prioritized is not None
        return step_columns(features, number_of_actions(spec), width, masked=spec.masked, prioritized=prioritized)

    def _make_replay(self) -> ReplayBuffer:
        assert self._config.recurrent is not None
        capacity = max(self._config.buffer_size // self._config.recurrent.stride, 1)
        return make_replay(self._config, sequence_columns(self._config, self.columns), capacity)

    def _make_trainer(self, features: Features, actions: int, seed: int) -> Trainer:
        return SequenceTrainer(self._config, features, actions, seed)

    def _remember(self, batch: SampleBatch, client: str) -> None:
        made = list(self._assembler.add(batch.columns, client))
        if made:
            self._replay.append({name: np.stack([sequence[name] for sequence in made]) for name in made[0]})

    @property
    def _enough(self) -> bool:
        assert self._config.recurrent is not None
        return len(self._replay) * self._config.recurrent.stride >= self._config.learning_starts

    def _unfinished(self) -> dict[str, Arrays]:
        return {UNFINISHED: self._assembler.save()}

    def load(self, state: State) -> None:
        super().load(state)
        if UNFINISHED in state.arrays:
            self._assembler.load(state.arrays[UNFINISHED])

    def _normalized(self, columns: Arrays) -> None:
        self._normalize(columns, ("observation",))
