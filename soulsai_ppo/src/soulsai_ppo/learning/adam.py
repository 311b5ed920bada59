"""Adam over one vector of parameters (Kingma and Ba 2015)."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays


class Adam:
    """Changes `parameters` in place, after clipping the gradient's norm.

    Args:
        parameters: float32 (n,).
        epsilon: added to the denominator, after the correction of the bias [3].
        max_norm: the gradient is scaled down to this norm; None: never.
    """

    def __init__(self, parameters: np.ndarray, epsilon: float, max_norm: float | None) -> None:
        self._parameters = parameters
        self._epsilon = np.float32(epsilon)
        self._max_norm = max_norm
        self._first = np.zeros_like(parameters)
        self._second = np.zeros_like(parameters)
        self._scratch = np.empty_like(parameters)
        self._steps = 0

    def step(self, gradient: np.ndarray, learning_rate: float) -> float:
        """One step with betas 0.9 and 0.999. Returns the gradient's norm, and clips `gradient` in place."""
        norm = float(np.sqrt(gradient.dot(gradient)))
        if self._max_norm is not None and norm > self._max_norm:
            gradient *= np.float32(self._max_norm / (norm + 1e-6))
        self._steps += 1
        # Each operation writes into an array that is there already: for a few thousand parameters, allocating the
        # temporaries would take longer than the arithmetic. Factors are float32, so that nothing is converted.
        first = self._first
        second = self._second
        scratch = self._scratch
        first *= np.float32(0.9)
        np.multiply(gradient, np.float32(0.1), out=scratch)
        first += scratch
        second *= np.float32(0.999)
        np.multiply(gradient, gradient, out=scratch)
        scratch *= np.float32(0.001)
        second += scratch
        np.sqrt(second, out=scratch)
        # The corrections of the bias are two numbers, applied to the denominator and to the learning rate.
        scratch *= np.float32((1 - 0.999**self._steps) ** -0.5)
        scratch += self._epsilon
        np.divide(first, scratch, out=scratch)
        scratch *= np.float32(learning_rate / (1 - 0.9**self._steps))
        self._parameters -= scratch
        return norm

    def save(self) -> Arrays:
        """Moments and number of steps."""
        return {"first": self._first.copy(), "second": self._second.copy(), "steps": np.array(self._steps)}

    def load(self, arrays: Arrays) -> None:
        """Go on from saved moments. Raises KeyError or ValueError if they do not fit."""
        if arrays["first"].shape != self._first.shape or arrays["second"].shape != self._second.shape:
            raise ValueError(f"moments of {arrays['first'].shape} parameters instead of {self._first.shape}")
        self._first[:] = arrays["first"]
        self._second[:] = arrays["second"]
        self._steps = int(arrays["steps"])
