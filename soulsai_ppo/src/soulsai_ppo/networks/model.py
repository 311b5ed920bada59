"""Policy and values as the learner trains them: one interface, in numpy where that is faster and in torch else."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.networks.parameters import Parameters, Shapes


class Model(ABC):
    """Outputs for rows of samples, and the way back.

    Attributes:
        parameters: changed in place by the optimizer.
        gradient: of the same form, written by `backward`.
    """

    def __init__(self, shapes: Shapes) -> None:
        self.parameters = Parameters(shapes)
        self.gradient = Parameters(shapes)

    @abstractmethod
    def forward(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The policy's head (n, outputs) and values (n,), kept for `backward`.

        Args:
            rows: columns of n rows; with an LSTM sequence after sequence, each beginning with its stored state. If they
                have "learned", there are outputs only for the rows where it is true.
            lengths: int (sequences,), rows of each; None without an LSTM.
        """

    @abstractmethod
    def backward(self, by_head: np.ndarray, by_value: np.ndarray, by_log_std: np.ndarray) -> None:
        """Set `gradient` to the derivatives by all parameters, given those by the last `forward`'s outputs."""

    def evaluate(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """`forward` without the way back."""
        return self.forward(rows, lengths)
