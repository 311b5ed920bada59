"""A scale for returns on which large ones are smaller (Pohlen et al. 2018, section 3.2; Kapturowski et al. 2019,
section 2.3): h(x) = sign(x) (sqrt(|x| + 1) - 1) + epsilon x."""

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
    # sqrt(a + 1) - 1 = a / (sqrt(a + 1) + 1): the first form loses all digits of a small |x|, the second none.
    return x * (1 / ((abs(x) + 1) ** 0.5 + 1) + epsilon)


def unrescaled(x: Values, epsilon: float | None) -> Values:
    """The inverse of `rescaled`."""
    if epsilon is None:
        return x
    # The inverse is sign(x) (root^2 - 1) with the root of a quadratic equation (Pohlen et al. 2018, proposition A.2):
    # root = (sqrt(1 + 4 epsilon y) - 1) / (2 epsilon) with y = |x| + 1 + epsilon. Both differences are written as
    # quotients, as above; so it also holds for epsilon 0. Then root^2 - 1 = (root + 1) (root - 1), and
    # root - 1 = |x| / (1 + epsilon (root + 1)) by that equation.
    y = abs(x) + (1 + epsilon)
    root = 2 * y / ((1 + 4 * epsilon * y) ** 0.5 + 1)
    return x * (root + 1) / (1 + epsilon * (root + 1))
