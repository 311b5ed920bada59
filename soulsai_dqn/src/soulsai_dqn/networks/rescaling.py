"""Values of returns on a scale that shrinks large ones (Pohlen et al. 2018, section 3.2; Kapturowski et al. 2019,
section 2.3): h(x) = sign(x) (sqrt(|x| + 1) - 1) + epsilon x. Both are written so that nothing cancels near 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch

Values = TypeVar("Values", "float", "np.ndarray", "torch.Tensor")


def rescaled(x: Values, epsilon: float | None) -> Values:
    """h(x); x itself where epsilon is None."""
    if epsilon is None:
        return x
    return x * (1 / ((abs(x) + 1) ** 0.5 + 1) + epsilon)


def unrescaled(x: Values, epsilon: float | None) -> Values:
    """The inverse of `rescaled`."""
    if epsilon is None:
        return x
    y = abs(x) + (1 + epsilon)
    root = 2 * y / ((1 + 4 * epsilon * y) ** 0.5 + 1)
    return x * (root + 1) / (1 + epsilon * (root + 1))
