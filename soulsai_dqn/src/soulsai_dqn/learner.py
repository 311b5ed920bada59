"""DQN's server half."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from soulsai_core import Arrays, CheckpointError, EnvSpec, Learner, SampleBatch, State, Sync
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.gradients import MLPGradient, Outcome
from soulsai_dqn.networks import MLP, flatten_parameters
from soulsai_dqn.replay import ReplayBuffer
from soulsai_dqn.targets import td_loss
from soulsai_dqn.trajectory import sample_columns

_DRAW = 64


class DQNLearner(Learner):
    """Makes a model iteration for every `update_every` transitions, with `replay_ratio` gradient steps for each."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        actions, features = number_of_actions(spec), Features(spec)
        self.sync = Sync(config.max_staleness, config.update_every)
        self.columns = sample_columns(features.size, actions, masked=spec.masked)
        self._config = config
        self._rng = rng
        self._replay = ReplayBuffer(config.buffer_size, self.columns)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        sizes = (features.size, *config.hidden, actions)
        self._network, self._target = MLP(sizes, generator), MLP(sizes, generator)
        self._flat, self._flat_target = flatten_parameters(self._network), flatten_parameters(self._target)
        self._flat_target.data.copy_(self._flat.data)
        self._optimizer = torch.optim.AdamW(
            [self._flat], config.learning_rate, eps=config.adam_epsilon, weight_decay=config.weight_decay, fused=True
        )
        self._gradient = MLPGradient(
            self._network, self._target, batch_size=config.batch_size, double=config.double, loss=config.loss
        )
        self._due = 0
        self._owed = 0.0
        self._gradient_steps = 0

    def started(self, *, resumed: bool) -> None:
        torch.set_num_threads(self._config.threads)
        torch.set_flush_denormal(True)  # dead units decay into denormal numbers, which are many times as slow

    def stopped(self) -> None:
        torch.set_flush_denormal(False)

    def add(self, batch: SampleBatch, client: str) -> None:
        self._replay.append(batch.columns)
        self._due += len(batch)
        if len(self._replay) < self._config.learning_starts:
            self._due = 0

    def ready(self) -> bool:
        return self._due >= self._config.update_every

    def update(self) -> Mapping[str, float]:
        self._due -= self._config.update_every
        self._owed += self._config.update_every * self._config.replay_ratio
        steps = int(self._owed)
        self._owed -= steps
        outcome: Outcome | None = None
        for done in range(0, steps, _DRAW):
            count = min(_DRAW, steps - done)
            drawn = self._replay.sample(self._rng, count, self._config.batch_size)
            columns = {name: torch.from_numpy(column).unbind(0) for name, column in drawn.items()}
            for row in range(count):
                outcome = self._gradient_step({name: column[row] for name, column in columns.items()})
        return self._report(outcome)

    def _gradient_step(self, batch: Mapping[str, Tensor]) -> Outcome:
        outcome = self._gradient(batch)
        if self._config.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_([self._flat], self._config.max_grad_norm)
        self._optimizer.step()
        self._flat_target.data.lerp_(self._flat.data, self._config.target_tau)
        self._gradient_steps += 1
        return outcome

    def _report(self, last: Outcome | None) -> dict[str, float]:
        """Numbers of the iteration; loss and Q-value are those of its last minibatch."""
        report = {"gradient_steps": float(self._gradient_steps), "replay_size": float(len(self._replay))}
        if last is not None:
            report["loss"] = float(td_loss(last.chosen, last.target, self._config.loss))
            report["q_value"] = float(last.chosen.mean())
        return report

    def weights(self) -> Arrays:
        return _arrays(self._network)

    def save(self, *, buffer: bool) -> State:
        moments = self._optimizer.state.get(self._flat, {})
        arrays = {
            "network": _arrays(self._network),
            "target": _arrays(self._target),
            "optimizer": {name: value.numpy().copy() for name, value in moments.items()},
        }
        if buffer:
            arrays["replay"] = self._replay.save()
        values = {
            "due": self._due,
            "owed": self._owed,
            "gradient_steps": self._gradient_steps,
            "rng": self._rng.bit_generator.state,
        }
        return State(arrays, values)

    def load(self, state: State) -> None:
        try:
            _load_arrays(self._network, state.arrays["network"])
            _load_arrays(self._target, state.arrays["target"])
            moments = {name: torch.from_numpy(a.copy()) for name, a in state.arrays["optimizer"].items()}
            self._due, self._owed = int(state.values["due"]), float(state.values["owed"])
            self._gradient_steps = int(state.values["gradient_steps"])
            self._rng.bit_generator.state = state.values["rng"]
        except KeyError as error:
            raise CheckpointError(f"This checkpoint is not one of DQN: it has no {error}.") from error
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"This checkpoint is not one of DQN with these settings: {error}.") from error
        if moments:
            self._optimizer.state[self._flat] = moments
        if "replay" in state.arrays:
            self._replay.load(state.arrays["replay"])
        if len(self._replay) < self._config.learning_starts:
            self._due = 0


def _arrays(network: torch.nn.Module) -> Arrays:
    return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def _load_arrays(network: torch.nn.Module, arrays: Arrays) -> None:
    here = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(here.keys() | arrays.keys()):
        there = arrays[name].shape if name in arrays else None
        if there != here.get(name):
            raise ValueError(f"{name} has shape {there} in it and {here.get(name)} here; set `hidden` as it was")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
