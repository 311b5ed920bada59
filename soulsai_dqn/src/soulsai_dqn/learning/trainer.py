"""The networks in training: online and target network, their optimizer, and what makes a gradient step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from soulsai_core import Arrays, Features, SoulsAIError
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.adamw import AdamW
from soulsai_dqn.learning.averaging import AveragedNetwork
from soulsai_dqn.learning.cuda_graph import CudaGraphGradient, Launch, capture_cuda_graph
from soulsai_dqn.learning.gradients import AutogradGradient, Batch, DenseGradient, Gradient, Outcome
from soulsai_dqn.learning.sequence_gradient import SequenceGradient, sequence_errors
from soulsai_dqn.networks.encoders import chosen_network
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.layers import draw_noise
from soulsai_dqn.networks.parameters import PolyakAverage, arrays_of, flatten_parameters, load_arrays
from soulsai_dqn.networks.q_network import QNetwork
from soulsai_dqn.networks.recurrent import RecurrentQNetwork, make_network
from soulsai_dqn.schedules import scheduled

AVERAGE = "average"


class Trainer:
    """Makes gradient steps, moves the target network, and makes resets.

    Args:
        actions: number of actions.
        seed: of initial parameters and noise.

    Attributes:
        head: what the networks' outputs mean.
        network, target: the online network and the target network.
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
        self._encoder = chosen_network(config.network, features)
        self.network = self._new_network()
        self.target = self._new_network()
        self._parameters = flatten_parameters(self.network)
        self._target_average = PolyakAverage(self.target, self.network, self._parameters)
        self._target_average.move(1.0)
        average = config.average
        self._average = None if average is None else AveragedNetwork(self.network, self._parameters, average)
        # All parameters are one vector, so that the fused kernel runs once a step.
        rate = scheduled(config.learning_rate, {"env_steps": 0, "gradient_steps": 0, "gradient_steps_after_reset": 0})
        self._optimizer = AdamW(self._parameters, rate, config.adam_epsilon, config.weight_decay)
        gradient = self._make_gradient()
        self._gradient = CudaGraphGradient(gradient, self._capture) if self.device.type == "cuda" else gradient
        self.steps = 0

    def change(self, config: DQNConfig) -> None:
        """Use these settings from the next gradient step on. Networks and optimizer stay."""
        self._config = config

    def anneal(self, done: Mapping[str, int]) -> None:
        """Use the present learning rate. `done` has the steps made so far, by the names of `Schedule.over`."""
        self._optimizer.change(scheduled(self._config.learning_rate, done), self._config.weight_decay)

    def _new_network(self) -> QNetwork:
        # Initialized on the CPU, so that a seed gives the same network on every device.
        network = make_network(
            self._config, self._features, self._actions, self.head.atoms, self._generator, self._encoder
        )
        return network.to(self.device)

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

    def _capture(self, run: Callable[[], Outcome]) -> tuple[Launch, Outcome]:
        with torch.cuda.device(self.device):
            return capture_cuda_graph(run)

    def step(self, batch: Batch) -> Outcome:
        """One gradient step on a minibatch. On a GPU the outcome is overwritten by the next one."""
        if self._config.noisy:
            # Outside the gradient: a captured graph would repeat one noise for ever.
            draw_noise(self.network, self._generator)
            draw_noise(self.target, self._generator)
        outcome = self._gradient(batch)
        if self._config.max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_([self._parameters], self._config.max_grad_norm)
        self._optimizer.step()
        self.steps += 1
        if self.steps % self._config.target_every == 0:
            self._target_average.move(self._config.target_tau)
        return outcome

    def errors(self, outcome: Outcome, batch: Batch) -> Tensor:
        """Absolute TD errors (n,) of expected returns; for a recurrent network one for each sequence. They are on the
        same scale as first errors, which are computed from actors' values."""
        errors = (self.head.values(outcome.chosen) - self.head.target_values(outcome.target)).abs()
        if self._config.recurrent is None:
            return errors
        return sequence_errors(errors, batch["learned"], self._config.recurrent.eta)

    @property
    def steps_until_reset(self) -> int:
        """Gradient steps until the next reset is possible."""
        every = self._config.resets.every
        return sys.maxsize if every is None else every - self.steps % every

    @property
    def reset_due(self) -> bool:
        """Whether a reset is due after the newest gradient step."""
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
        """Move all parameters toward new random ones, the head's all the way (shrink and perturb: Ash and Adams 2020;
        Schwarzer et al. 2023, section 4), and drop the optimizer's moments."""
        new = self._new_network()
        head = set(new.dense[-1].parameters())
        parts = [torch.full_like(p, 0.0 if p in head else self._config.resets.keep) for p in new.parameters()]
        keep = torch.cat([part.reshape(-1) for part in parts])
        # In place: gradients and a captured graph know the parameters by their addresses.
        self._parameters.data.copy_(flatten_parameters(new).data.lerp(self._parameters.data, keep))
        self._target_average.move(1.0)
        self._optimizer.restart()
        if self._average is not None:
            self._average.restart()

    @property
    def averaged(self) -> int:
        """Networks in the average."""
        return 0 if self._average is None else self._average.count

    def end_iteration(self) -> None:
        """A model iteration is complete: its network is taken into the average."""
        if self._average is not None:
            self._average.add()

    def weights(self) -> Arrays:
        """A copy of the network that clients act with, by name."""
        if self._config.act_with == "average":
            return self.evaluation_weights()
        return arrays_of(self.target if self._config.act_with == "target" else self.network)

    def evaluation_weights(self) -> Arrays:
        """A copy of the network that evaluations and players act with, by name."""
        return self.weights() if self._average is None else arrays_of(self._average.network)

    def save(self) -> dict[str, Arrays]:
        """All networks, the optimizer's moments, and the state of the generator."""
        parts = {
            "network": arrays_of(self.network),
            "target": arrays_of(self.target),
            "optimizer": {name: np.array(value.cpu().numpy()) for name, value in self._optimizer.save().items()},
            "generator": {"state": self._generator.get_state().numpy().copy()},
        }
        if self._average is not None:
            parts[AVERAGE] = arrays_of(self._average.network)
        return parts

    def load(self, arrays: dict[str, Arrays], steps: int, averaged: int) -> None:
        """Go on from saved parts. Raises KeyError or ValueError if they do not fit."""
        load_arrays(self.network, arrays["network"])
        load_arrays(self.target, arrays["target"])
        self._optimizer.load({name: torch.from_numpy(a.copy()) for name, a in arrays["optimizer"].items()})
        self._generator.set_state(torch.from_numpy(arrays["generator"]["state"].copy()))
        self.steps = steps
        if self._average is not None:
            # A checkpoint of a training without an average: it starts with the network.
            load_arrays(self._average.network, arrays.get(AVERAGE, arrays["network"]))
            self._average.restart(averaged)


def chosen_device(name: str, setting: str = "device") -> torch.device:
    """The configured device; "auto" is a GPU where there is one. Raises SoulsAIError, with the setting's name."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise SoulsAIError(f"{setting} is {name} and torch finds no GPU here: set {setting} to cpu or auto.")
    return torch.device(name)
