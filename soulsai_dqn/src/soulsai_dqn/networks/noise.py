"""Noisy layers in numpy, for clients: a noise for each forward pass, as the paper's agents draw one for each step."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays


class NoisyDense:
    """A dense layer whose parameters are noisy (Fortunato et al. 2018, equations 10 and 11).

    Args:
        arrays: "<name>.weight" (out, in), "<name>.bias" (out,) and both with "_sigma" behind.
        rng: for the noise; None leaves it away.
    """

    def __init__(self, arrays: Arrays, name: str, rng: np.random.Generator | None) -> None:
        self._weight = arrays[f"{name}.weight"].T
        self._bias = arrays[f"{name}.bias"]
        self._weight_sigma = arrays[f"{name}.weight_sigma"].T
        self._bias_sigma = arrays[f"{name}.bias_sigma"]
        self._rng = rng

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(n, in) -> (n, out), the same noise for all rows."""
        clean = x @ self._weight + self._bias
        if self._rng is None:
            return clean
        size_in, size_out = self._weight.shape
        inputs = _scaled(self._rng, size_in)
        outputs = _scaled(self._rng, size_out)
        return clean + ((x * inputs) @ self._weight_sigma + self._bias_sigma) * outputs


def _scaled(rng: np.random.Generator, size: int) -> np.ndarray:
    """sign(x) sqrt(|x|) of standard normal x, float32 (size,)."""
    noise = rng.standard_normal(size, np.float32)
    return np.sign(noise) * np.sqrt(np.abs(noise))
