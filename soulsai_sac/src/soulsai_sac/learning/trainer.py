"""Policy and critics in training: what a gradient step does, and its state."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from soulsai_core import Arrays
from soulsai_sac.config import SACConfig
from soulsai_sac.learning.adam import Adam
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
        self._policy_optimizer = Adam(self.policy.parameters(), config.actor_learning_rate)
        self._critic_optimizer = Adam(self._critics.parameters(), config.critic_learning_rate)
        self._temperature_optimizer = Adam([self._log_temperature], config.temperature_learning_rate)

    def _entropy_of(self, config: SACConfig) -> float:
        return -float(self._actions) if config.target_entropy is None else config.target_entropy

    def change(self, config: SACConfig) -> None:
        """Use these settings from the next gradient step on. Networks and optimizers stay."""
        self._config = config
        self._target_entropy = self._entropy_of(config)
        self._policy_optimizer.learning_rate = config.actor_learning_rate
        self._critic_optimizer.learning_rate = config.critic_learning_rate
        self._temperature_optimizer.learning_rate = config.temperature_learning_rate

    def step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make a gradient step for critics, policy and temperature.

        Args:
            batch: "observation", "action", "reward", "discount" and "next_observation", (n, *shape).

        Returns: numbers to report.
        """
        with torch.no_grad():
            temperature = self._log_temperature.exp()
            action, log_density = self.policy(batch["next_observation"], self._generator)
            # The smaller value: of a single critic the policy would find the values that are too high (Fujimoto et al.
            # 2018).
            following = self._targets(batch["next_observation"], action).amin(0) - temperature * log_density
            target = batch["reward"] + batch["discount"] * following
        values = self._critics(batch["observation"], batch["action"])
        critic_loss = (values - target).square().mean(-1).sum()
        self._critic_optimizer.descend(critic_loss)
        action, log_density = self.policy(batch["observation"], self._generator)
        actor_loss = (temperature * log_density - self._critics(batch["observation"], action).amin(0)).mean()
        self._policy_optimizer.descend(actor_loss)
        entropy = -log_density.detach().mean()
        # By its logarithm, so that the temperature stays positive. It rises while the entropy is below its target.
        self._temperature_optimizer.descend(self._log_temperature.exp() * (entropy - self._target_entropy))
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
            f"{label}.{name}": array
            for label, optimizer in self._optimizers()
            for name, array in optimizer.save().items()
        }
        generator = {"state": np.array(self._generator.get_state().numpy())}
        return {"network": network, "optimizer": moments, "generator": generator}

    def load(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from saved parts. Raises KeyError, ValueError or RuntimeError if they do not fit."""
        for label, module in self._modules():
            load_arrays(module, _part(parts["network"], label))
        self._log_temperature.detach().copy_(_tensor(parts["network"][_TEMPERATURE]))
        for label, optimizer in self._optimizers():
            optimizer.load(_part(parts["optimizer"], label))
        self._generator.set_state(_tensor(parts["generator"]["state"]))

    def _modules(self) -> Iterator[tuple[str, nn.Module]]:
        yield "policy", self.policy
        yield "critics", self._critics
        yield "targets", self._targets

    def _optimizers(self) -> Iterator[tuple[str, Adam]]:
        yield "policy", self._policy_optimizer
        yield "critics", self._critic_optimizer
        yield "temperature", self._temperature_optimizer


def _part(arrays: Mapping[str, np.ndarray], label: str) -> Arrays:
    """Those whose names begin with the label and a dot, without it."""
    prefix = f"{label}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array))
