"""Adam over the parameters of a network (Kingma and Ba 2015)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from soulsai_core import Arrays


class Adam:
    """Calls PyTorch's fused kernel. `torch.optim.Adam` gives the same numbers, but imports PyTorch's compiler with the
    first object: 1.5 s more until a training starts.

    Args:
        parameters: changed in place.

    Attributes:
        learning_rate: of the next step.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self._parameters = list(parameters)
        self._first = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._second = [torch.zeros_like(p, requires_grad=False) for p in self._parameters]
        self._steps = [torch.zeros(()) for _ in self._parameters]

    def descend(self, loss: Tensor) -> None:
        """One step that makes a loss () smaller, with betas 0.9 and 0.999."""
        # Not `backward`: the policy's loss passes through the critics, whose gradients would be computed for nothing.
        gradients = list(torch.autograd.grad(loss, self._parameters))
        with torch.no_grad():
            adam(
                list(self._parameters),
                gradients,
                self._first,
                self._second,
                [],
                self._steps,
                fused=True,
                amsgrad=False,
                maximize=False,
                beta1=0.9,
                beta2=0.999,
                lr=self.learning_rate,
                weight_decay=0.0,
                eps=1e-8,
            )

    def _state(self) -> dict[str, Tensor]:
        parts = {"first": self._first, "second": self._second, "steps": self._steps}
        return {f"{i}.{name}": tensor for name, tensors in parts.items() for i, tensor in enumerate(tensors)}

    def save(self) -> Arrays:
        """A copy of the moments and numbers of steps."""
        return {name: np.array(tensor.numpy()) for name, tensor in self._state().items()}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what was saved. Raises KeyError or ValueError if it does not fit."""
        state = self._state()
        for name, tensor in state.items():
            if arrays[name].shape != tensor.shape:
                raise ValueError(
                    f"the optimizer's {name} has shape {arrays[name].shape} instead of {tuple(tensor.shape)}"
                )
        for name, tensor in state.items():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))
