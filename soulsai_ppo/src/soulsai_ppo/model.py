"""Policy and values as the learner trains them: one interface, in numpy where that is faster and in torch else."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.features import VECTOR, Features
from soulsai_ppo.mlp import Perceptron
from soulsai_ppo.parameters import Parameters, Shapes


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
            rows: columns of n samples; with an LSTM sequence after sequence, each beginning with its stored state.
            lengths: int (sequences,), rows of each; None without an LSTM.
        """

    @abstractmethod
    def backward(self, by_head: np.ndarray, by_value: np.ndarray, by_log_std: np.ndarray) -> None:
        """Set `gradient` to the derivatives by all parameters, given those by the last `forward`'s outputs."""

    def evaluate(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """`forward` without the way back."""
        return self.forward(rows, lengths)


class NumpyModel(Model):
    """Perceptrons."""

    def __init__(self, shapes: Shapes, activation: str) -> None:
        super().__init__(shapes)
        self._network = Perceptron(self.parameters.views, activation)
        self._activations: list[np.ndarray] = []

    def forward(self, rows: Arrays, lengths: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        head, value, self._activations = self._network.forward(rows[VECTOR])
        return head, value

    def backward(self, by_head: np.ndarray, by_value: np.ndarray, by_log_std: np.ndarray) -> None:
        self._network.backward(self._activations, by_head, by_value, self.gradient.views)
        self.gradient.views["log_std"][...] = by_log_std


def make_model(shapes: Shapes, features: Features, config: PPOConfig) -> Model:
    """The model that fits: torch is imported only for images and LSTMs."""
    if features.image is None and config.lstm is None:
        return NumpyModel(shapes, config.activation)
    from soulsai_ppo.networks import TorchModel

    return TorchModel(shapes, features, config)
