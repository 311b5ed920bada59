"""Policy and critics in training: what a gradient step does, and its state."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from soulsai_core import Arrays
from soulsai_sac.config import SACConfig
from soulsai_sac.networks.critics import Critics
from soulsai_sac.networks.parameters import arrays_of, load_arrays
from soulsai_sac.networks.policy import Policy

_TEMPERATURE = "log_temperature"


class Trainer:
    """Policy, twin critics, their targets and the temperature (Haarnoja et al. 2018, algorithm 1).

    Args:
        inputs, actions: lengths of an observation and of an action.
        seed: of initial parameters and drawn actions.

    Attributes:
        policy: what actors act with.
    """

    def __init__(self, config: SACConfig, inputs: int, actions: int, seed: int) -> None:
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        self.policy = Policy(inputs, config.hidden, actions, self._generator)
        self._critics = Critics(inputs, config.hidden, actions, config.layer_norm, self._generator)
        self._targets = copy.deepcopy(self._critics).requires_grad_(False)
        self._log_temperature = nn.Parameter(torch.tensor(math.log(config.temperature)))
        self._actions = actions
        self._target_entropy = self._entropy_of(config)
        self._policy_optimizer = _adam(self.policy.parameters(), config.actor_learning_rate)
        self._critic_optimizer = _adam(self._critics.parameters(), config.critic_learning_rate)
        self._temperature_optimizer = _adam([self._log_temperature], config.temperature_learning_rate)

    def _entropy_of(self, config: SACConfig) -> float:
        return -float(self._actions) if config.target_entropy is None else config.target_entropy

    def change(self, config: SACConfig) -> None:
        """Use these settings from the next gradient step on. Networks and optimizers stay."""
        self._config = config
        self._target_entropy = self._entropy_of(config)
        self._policy_optimizer.param_groups[0]["lr"] = config.actor_learning_rate
        self._critic_optimizer.param_groups[0]["lr"] = config.critic_learning_rate
        self._temperature_optimizer.param_groups[0]["lr"] = config.temperature_learning_rate

    def step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make a gradient step for critics, policy and temperature.

        Args:
            batch: "observation", "action", "reward", "discount" and "next_observation", (n, *shape).

        Returns: numbers to report.
        """
        with torch.no_grad():
            temperature = self._log_temperature.exp()
            action, log_density = self.policy(batch["next_observation"], self._generator)
            following = self._targets(batch["next_observation"], action).amin(0) - temperature * log_density
            target = batch["reward"] + batch["discount"] * following
        values = self._critics(batch["observation"], batch["action"])
        critic_loss = (values - target).square().mean(-1).sum()
        _descend(self._critic_optimizer, critic_loss)
        action, log_density = self.policy(batch["observation"], self._generator)
        actor_loss = (temperature * log_density - self._critics(batch["observation"], action).amin(0)).mean()
        _descend(self._policy_optimizer, actor_loss)
        entropy = -log_density.detach().mean()
        # By its logarithm, so that the temperature stays positive. It rises while the entropy is below its target.
        _descend(self._temperature_optimizer, self._log_temperature.exp() * (entropy - self._target_entropy))
        # One call for all parameters: a loop over many small tensors takes longer than the arithmetic.
        torch._foreach_lerp_(
            list(self._targets.parameters()), list(self._critics.parameters()), self._config.target_tau
        )
        report = {"critic_loss": critic_loss, "actor_loss": actor_loss, "value": values.mean()}
        return {name: n.detach() for name, n in report.items()} | {"entropy": entropy, "temperature": temperature}

    def save(self) -> dict[str, Arrays]:
        """All networks, the temperature, the optimizers' moments, and the state of the generator."""
        network = {
            f"{label}.{name}": array for label, module in self._modules() for name, array in arrays_of(module).items()
        }
        network[_TEMPERATURE] = np.array(self._log_temperature.detach().numpy())
        moments = {
            f"{prefix}.{name}": np.array(tensor.numpy())
            for prefix, optimizer, parameter in self._trained()
            for name, tensor in optimizer.state[parameter].items()
        }
        generator = {"state": np.array(self._generator.get_state().numpy())}
        return {"network": network, "optimizer": moments, "generator": generator}

    def load(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from saved parts. Raises KeyError, ValueError or RuntimeError if they do not fit."""
        for label, module in self._modules():
            prefix = f"{label}."
            own = {n.removeprefix(prefix): a for n, a in parts["network"].items() if n.startswith(prefix)}
            load_arrays(module, own)
        self._log_temperature.detach().copy_(_tensor(parts["network"][_TEMPERATURE]))
        moments = parts["optimizer"]
        for prefix, optimizer, parameter in self._trained():
            state = {name: moments.get(f"{prefix}.{name}") for name in ("step", "exp_avg", "exp_avg_sq")}
            optimizer.state[parameter] = {name: _tensor(array) for name, array in state.items() if array is not None}
        self._generator.set_state(_tensor(parts["generator"]["state"]))

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "policy", self.policy
        yield "critics", self._critics
        yield "targets", self._targets

    def _trained(self) -> Iterator[tuple[str, torch.optim.Optimizer, nn.Parameter]]:
        """Name, optimizer and each of its parameters."""
        optimizers = {
            "policy": self._policy_optimizer,
            "critics": self._critic_optimizer,
            "temperature": self._temperature_optimizer,
        }
        for label, optimizer in optimizers.items():
            yield from ((f"{label}.{i}", optimizer, p) for i, p in enumerate(optimizer.param_groups[0]["params"]))


def _adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(list(parameters), learning_rate, fused=True)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Make a step of one optimizer."""
    parameters = optimizer.param_groups[0]["params"]
    # Not `backward`: the policy's loss passes through the critics, whose gradients would be computed for nothing.
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))
