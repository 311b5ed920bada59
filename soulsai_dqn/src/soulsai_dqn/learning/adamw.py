"""AdamW over one vector of parameters (Loshchilov and Hutter 2019)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam


class AdamW:
    """Calls PyTorch's fused kernel. `torch.optim.AdamW` gives the same numbers, but imports PyTorch's compiler with the
    first object: 1.5 s more until a training starts.

    Args:
        parameters: (n,), changed in place. Each step takes their gradient from `grad`.
        epsilon: added to the denominator, after the correction of the bias.
    """

    def __init__(self, parameters: Tensor, learning_rate: float, epsilon: float, weight_decay: float) -> None:
        self._parameters = parameters
        self._epsilon = epsilon
        self._learning_rate = learning_rate
        self._weight_decay = weight_decay
        self._first = torch.zeros_like(parameters, requires_grad=False)
        self._second = torch.zeros_like(parameters, requires_grad=False)
        # The fused kernel counts its steps on the parameters' device.
        self._steps = torch.zeros((), device=parameters.device)

    def change(self, learning_rate: float, weight_decay: float) -> None:
        """Use these settings from the next step on."""
        self._learning_rate = learning_rate
        self._weight_decay = weight_decay

    def restart(self) -> None:
        """Drop the moments."""
        for tensor in self.save().values():
            tensor.zero_()

    @torch.no_grad()
    def step(self) -> None:
        """One step with betas 0.9 and 0.999."""
        gradient = self._parameters.grad
        assert gradient is not None
        adam(
            [self._parameters],
            [gradient],
            [self._first],
            [self._second],
            [],
            [self._steps],
            fused=True,
            decoupled_weight_decay=True,
            amsgrad=False,
            maximize=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=self._weight_decay,
            eps=self._epsilon,
        )

    def save(self) -> dict[str, Tensor]:
        """The moments and the number of steps; they change with the next step."""
        return {"first": self._first, "second": self._second, "steps": self._steps}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from what was saved. Raises KeyError or ValueError if it does not fit."""
        for name, own in self.save().items():
            if state[name].shape != own.shape:
                raise ValueError(
                    f"the optimizer's {name} has shape {tuple(state[name].shape)} instead of {tuple(own.shape)}"
                )
        for name, own in self.save().items():
            own.copy_(state[name])
