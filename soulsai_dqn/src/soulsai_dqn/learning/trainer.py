"""The networks in training: online and target network, their optimizer, and what makes a gradient step."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from soulsai_core import Arrays, Features, SoulsAIError
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.averaging import AveragedNetwork
from soulsai_dqn.learning.cuda_graph import CudaGraphGradient, Replay, record_cuda_graph
from soulsai_dqn.learning.gradients import AutogradGradient, Batch, DenseGradient, Gradient, Outcome
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.layers import draw_noise
from soulsai_dqn.networks.q_network import Follower, QNetwork, flatten_parameters
from soulsai_dqn.networks.recurrent import RecurrentQNetwork, SequenceGradient, make_network, sequence_errors

AVERAGE = "average"


class Trainer:
    """Makes gradient steps (AdamW: Loshchilov and Hutter 2019), moves the target along, and resets now and then.

    Attributes:
        head: what the networks' outputs mean.
        steps: gradient steps made so far.
        device: where they are made.
    """

    def __init__(self, config: DQNConfig, features: Features, actions: int, seed: int) -> None:
        self._config = config
        self._features = features
        self._actions = actions
        self._generator = torch.Generator().manual_seed(seed)
        self.device = chosen_device(config.device)
        self.head = make_head(config, self.device)
        self.network, self.target = self._fresh(), self._fresh()
        self._flat = flatten_parameters(self.network)
        self._following = Follower(self.target, self.network, self._flat)
        self._following.follow(1.0)
        average = config.average
        self._average = None if average is None else AveragedNetwork(self.network, self._flat, average)
        self._optimizer = torch.optim.AdamW(
            [self._flat], config.learning_rate, eps=config.adam_epsilon, weight_decay=config.weight_decay, fused=True
        )
        gradient = self._make_gradient()
        self._gradient = CudaGraphGradient(gradient, self._record) if self.device.type == "cuda" else gradient
        self.steps = 0

    def _fresh(self) -> QNetwork:
        made = make_network(self._config, self._features, self._actions, self.head.atoms, self._generator)
        return made.to(self.device)

    def _make_gradient(self) -> Gradient:
        config = self._config
        network = self.network
        target = self.target
        if config.recurrent is not None:
            assert isinstance(network, RecurrentQNetwork) and isinstance(target, RecurrentQNetwork)
            burn_in = config.recurrent.burn_in
            return SequenceGradient(network, target, self.head, double=config.double, burn_in=burn_in)
        if self.device.type == "cpu" and network.dense_only:
            return DenseGradient(network, target, self.head, batch_size=config.batch_size, double=config.double)
        return AutogradGradient(network, target, self.head, double=config.double)

    def _record(self, run: Callable[[], Outcome]) -> tuple[Replay, Outcome]:
        with torch.cuda.device(self.device):
            return record_cuda_graph(run)

    def step(self, batch: Batch) -> Outcome:
        """One gradient step on a minibatch. On a GPU the outcome is overwritten by the next one."""
        if self._config.noisy:
            draw_noise(self.network, self._generator)
            draw_noise(self.target, self._generator)
        outcome = self._gradient(batch)
        if self._config.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_([self._flat], self._config.max_grad_norm)
        self._optimizer.step()
        self.steps += 1
        if self.steps % self._config.target_every == 0:
            self._following.follow(self._config.target_tau)
        return outcome

    def errors(self, outcome: Outcome, batch: Batch) -> Tensor:
        """Absolute TD errors (n,) of a minibatch's expected returns, as first priorities are made of actors' values."""
        errors = (self.head.values(outcome.chosen) - self.head.target_values(outcome.target)).abs()
        if self._config.recurrent is None:
            return errors
        return sequence_errors(errors, batch["learned"], self._config.recurrent.eta)

    @property
    def steps_until_reset(self) -> int:
        """Gradient steps up to the next one that a reset may follow."""
        every = self._config.resets.every
        return sys.maxsize if every is None else every - self.steps % every

    @property
    def reset_due(self) -> bool:
        """A reset follows the last gradient step."""
        every = self._config.resets.every
        last = self._config.resets.last
        return every is not None and self.steps % every == 0 and self.steps <= (last or self.steps)

    @property
    def steps_after_reset(self) -> int:
        """Gradient steps since the last reset, or since the beginning."""
        every = self._config.resets.every
        last = self._config.resets.last
        return self.steps if every is None else self.steps - min(self.steps, last or self.steps) // every * every

    def reset(self) -> None:
        """Shrink all but the head towards fresh parameters, make the head fresh, and forget the optimizer's moments."""
        fresh = self._fresh()
        head = set(fresh.dense[-1].parameters())
        parts = [torch.full_like(p, 0.0 if p in head else self._config.resets.keep) for p in fresh.parameters()]
        keep = torch.cat([part.reshape(-1) for part in parts])
        self._flat.data.copy_(flatten_parameters(fresh).data.lerp(self._flat.data, keep))
        self._following.follow(1.0)
        self._optimizer.state.pop(self._flat, None)
        if self._average is not None:
            self._average.restart()

    @property
    def averaged(self) -> int:
        """Networks in the average."""
        return 0 if self._average is None else self._average.count

    def iterated(self) -> None:
        """A model iteration is complete: average its network in."""
        if self._average is not None:
            self._average.add()

    def weights(self) -> Arrays:
        """A copy of the network that clients act with."""
        if self._config.act_with == "average":
            return self.evaluation_weights()
        return _arrays(self.target if self._config.act_with == "target" else self.network)

    def evaluation_weights(self) -> Arrays:
        """A copy of the network that agents act with which learn no more."""
        return self.weights() if self._average is None else _arrays(self._average.network)

    def save(self) -> dict[str, Arrays]:
        """All networks, the optimizer's moments, and the state of the generator."""
        moments = self._optimizer.state.get(self._flat, {})
        parts = {
            "network": _arrays(self.network),
            "target": _arrays(self.target),
            "optimizer": {name: np.array(value.cpu().numpy()) for name, value in moments.items()},
            "generator": {"state": self._generator.get_state().numpy().copy()},
        }
        if self._average is not None:
            parts[AVERAGE] = _arrays(self._average.network)
        return parts

    def load(self, arrays: dict[str, Arrays], steps: int, averaged: int) -> None:
        """Go on from what was saved. Raises KeyError or ValueError if it does not fit."""
        _load_arrays(self.network, arrays["network"])
        _load_arrays(self.target, arrays["target"])
        moments = {name: torch.from_numpy(a.copy()) for name, a in arrays["optimizer"].items()}
        self._generator.set_state(torch.from_numpy(arrays["generator"]["state"].copy()))
        self.steps = steps
        if self._average is not None:
            _load_arrays(self._average.network, arrays.get(AVERAGE, arrays["network"]))
            self._average.restart(averaged)
        if moments:
            self._optimizer.state[self._flat] = {
                name: value if name == "step" and self.device.type == "cpu" else value.to(self.device)
                for name, value in moments.items()
            }


def chosen_device(name: str, setting: str = "device") -> torch.device:
    """The configured device; "auto" is a GPU where there is one. Raises SoulsAIError, with the setting's name."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise SoulsAIError(f"{setting} is {name} and torch finds no GPU here: set {setting} to cpu or auto.")
    return torch.device(name)


def _arrays(network: nn.Module) -> Arrays:
    return {name: np.array(tensor.detach().cpu().numpy()) for name, tensor in network.state_dict().items()}


def _load_arrays(network: nn.Module, arrays: Arrays) -> None:
    here = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name in sorted(here.keys() | arrays.keys()):
        there = arrays[name].shape if name in arrays else None
        if there != here.get(name):
            raise ValueError(f"{name} has shape {there} in it and {here.get(name)} here; set `hidden` as it was")
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
