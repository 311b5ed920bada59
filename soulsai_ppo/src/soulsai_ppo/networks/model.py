"""The interface of policy and values for training. `mlp` implements it in numpy, `torch_networks` in torch."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.networks.parameters import Parameters, Shapes


class Model(ABC):
    """The outputs for rows of experience, and the gradient of all parameters.

    Attributes:
        parameters: changed in place by the optimizer.
        gradient: of the same form, written by `backward`.
    """

    def __init__(self, shapes: Shapes) -> None:
        self.parameters = Parameters(shapes)
        self.gradient = Parameters(shapes)

    @abstractmethod
    def forward(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The policy's head (n, outputs) and values (n,). What `backward` needs is kept.

        Args:
            rows: columns of n rows; with an LSTM sequence after sequence, each beginning with its stored state. If
                there is a column "learned", there are outputs only for the rows where it is true.
            lengths: int (sequences,), rows of each sequence; None without an LSTM.
        """

    @abstractmethod
    def backward(self, by_head: np.ndarray, by_value: np.ndarray, by_log_std: np.ndarray) -> None:
        """Set `gradient` to the derivatives by all parameters, given those by the last `forward`'s outputs."""

    def evaluate(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """`forward`, for outputs without a gradient."""
        return self.forward(rows, lengths)
