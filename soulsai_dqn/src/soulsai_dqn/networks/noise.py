"""Noisy layers in numpy, for clients. Each forward pass draws its own noise, as the paper's agents do at each step."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays


class NoisyDense:
    """A dense layer with noisy parameters (Fortunato et al. 2018, equations 10 and 11).

    Args:
        arrays: "<name>.weight" (out, in), "<name>.bias" (out,), and both with the suffix "_sigma".
        rng: for the noise; None acts without noise.
    """

    def __init__(self, arrays: Arrays, name: str, rng: np.random.Generator | None) -> None:
        self._weight = arrays[f"{name}.weight"].T
        self._bias = arrays[f"{name}.bias"]
        self._weight_sigma = arrays[f"{name}.weight_sigma"].T
        self._bias_sigma = arrays[f"{name}.bias_sigma"]
        self._rng = rng

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The outputs (n, out) for inputs (n, in), with the same noise for all rows."""
        clean = x @ self._weight + self._bias
        if self._rng is None:
            return clean
        size_in, size_out = self._weight.shape
        noise_in = _scaled_noise(self._rng, size_in)
        noise_out = _scaled_noise(self._rng, size_out)
        return clean + ((x * noise_in) @ self._weight_sigma + self._bias_sigma) * noise_out


def _scaled_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """sign(x) sqrt(|x|) of standard normal x, float32 (size,)."""
    noise = rng.standard_normal(size, np.float32)
    return np.sign(noise) * np.sqrt(np.abs(noise))
