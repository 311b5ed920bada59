"""One gradient step of SAC, and what it needs."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from soulsai_core import Arrays
from soulsai_sac.config import SACConfig
from soulsai_sac.networks.networks import Critics, Policy


class Trainer:
    """Policy, twin critics, their targets and the temperature (Haarnoja et al. 2018, algorithm 1).

    Args:
        inputs, actions: lengths of an observation and of an action.
    """

    def __init__(self, config: SACConfig, inputs: int, actions: int, seed: int) -> None:
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        self.policy = Policy(inputs, config.hidden, actions, self._generator)
        self._critics = Critics(inputs, config.hidden, actions, config.layer_norm, self._generator)
        self._targets = copy.deepcopy(self._critics).requires_grad_(False)
        self._log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self._entropy = -float(actions) if config.target_entropy is None else config.target_entropy
        rates = (config.actor_learning_rate, config.critic_learning_rate, config.temperature_learning_rate)
        trained = (list(self.policy.parameters()), list(self._critics.parameters()), [self._log_temperature])
        self._optimizers = [torch.optim.Adam(p, rate, fused=True) for p, rate in zip(trained, rates, strict=True)]

    def step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Learn from "observation", "action", "reward", "discount" and "next_observation" (n, *shape); numbers to
        report."""
        with torch.no_grad():
            temperature = self._log_temperature.exp()
            action, log_density = self.policy(batch["next_observation"], self._generator)
            following = self._targets(batch["next_observation"], action).amin(0) - temperature * log_density
            target = batch["reward"] + batch["discount"] * following
        values = self._critics(batch["observation"], batch["action"])
        critic_loss = (values - target).square().mean(-1).sum()
        self._descend(1, critic_loss)
        action, log_density = self.policy(batch["observation"], self._generator)
        actor_loss = (temperature * log_density - self._critics(batch["observation"], action).amin(0)).mean()
        self._descend(0, actor_loss)
        entropy = -log_density.detach().mean()
        self._descend(2, self._log_temperature.exp() * (entropy - self._entropy))
        torch._foreach_lerp_(
            list(self._targets.parameters()), list(self._critics.parameters()), self._config.target_tau
        )
        report = {"critic_loss": critic_loss, "actor_loss": actor_loss, "value": values.mean()}
        return {name: n.detach() for name, n in report.items()} | {"entropy": entropy, "temperature": temperature}

    def _descend(self, which: int, loss: Tensor) -> None:
        """A step of one optimizer; gradients of other parameters are not computed."""
        optimizer = self._optimizers[which]
        parameters = optimizer.param_groups[0]["params"]
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        optimizer.step()

    def save(self) -> dict[str, Arrays]:
        """Everything in it."""
        moments = {
            f"{prefix}.{name}": _array(tensor)
            for prefix, optimizer, parameter in self._trained()
            for name, tensor in optimizer.state[parameter].items()
        }
        network = {name: _array(tensor) for name, tensor in self._tensors()}
        return {"network": network, "optimizer": moments, "generator": {"state": _array(self._generator.get_state())}}

    def load(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from it. Raises KeyError, ValueError or RuntimeError if it does not fit."""
        generator = _tensor(parts["generator"]["state"])
        moments = parts["optimizer"]
        for name, tensor in self._tensors():
            _fill(tensor, parts["network"][name])
        for prefix, optimizer, parameter in self._trained():
            state = {name: moments.get(f"{prefix}.{name}") for name in ("step", "exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = {name: _tensor(array) for name, array in state.items() if array is not None}
        self._generator.set_state(generator)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for label, module in {"policy": self.policy, "critics": self._critics, "targets": self._targets}.items():
            yield from ((f"{label}.{name}", tensor) for name, tensor in module.state_dict().items())
        yield "log_temperature", self._log_temperature

    def _trained(self) -> Iterator[tuple[str, torch.optim.Optimizer, nn.Parameter]]:
        for label, optimizer in zip(("policy", "critics", "temperature"), self._optimizers, strict=True):
            yield from ((f"{label}.{i}", optimizer, p) for i, p in enumerate(optimizer.param_groups[0]["params"]))


def _array(tensor: Tensor) -> np.ndarray:
    return np.array(tensor.detach().numpy())


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))


def _fill(tensor: Tensor, array: np.ndarray) -> None:
    if tensor.shape != array.shape:
        raise ValueError(f"a network has the shape {array.shape} there and {tuple(tensor.shape)} here")
    tensor.detach().copy_(_tensor(array))
