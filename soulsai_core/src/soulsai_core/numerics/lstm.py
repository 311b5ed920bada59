"""One step of a long short-term memory (LSTM) in numpy (Hochreiter and Schmidhuber 1997), for acting without torch."""

from __future__ import annotations

import numpy as np


class RecurrentState:
    """What a recurrent network keeps for each environment of a client; 0 where an episode begins.

    Args:
        numbers: for each environment: twice the width of an LSTM for its output and cell, and whatever else an actor
            keeps behind them.
    """

    def __init__(self, numbers: int) -> None:
        self._state = np.zeros((0, numbers), np.float32)

    def before(self, starts: np.ndarray) -> np.ndarray:
        """The state float32 (n, numbers) before a step; bool (n,) `starts` says where an episode begins. It is never
        changed in place, so a recorder may keep it."""
        if len(self._state) != len(starts):
            self._state = np.zeros((len(starts), self._state.shape[1]), np.float32)
        elif starts.any():
            self._state = np.where(starts[:, None], np.float32(0), self._state)
        return self._state

    def after(self, state: np.ndarray) -> None:
        """Keep the state (n, numbers) to which the step led, a new array."""
        self._state = state


def lstm_step(
    x: np.ndarray, state: np.ndarray, inputs: np.ndarray, recurrent: np.ndarray, bias: np.ndarray
) -> np.ndarray:
    """The state (n, 2 * width) after a step.

    Args:
        x: (n, features).
        state: (n, 2 * width), output and cell before the step.
        inputs, recurrent, bias: (features, 4 * width), (width, 4 * width), (4 * width,). The gates are in the order
            input, forget, cell, output, as in torch, whose weights these are.
    """
    output, cell = np.split(state, 2, axis=1)
    gates = x @ inputs + output @ recurrent + bias
    input_gate, forget_gate, candidate, output_gate = np.split(gates, 4, axis=1)
    cell = _sigmoid(forget_gate) * cell + _sigmoid(input_gate) * np.tanh(candidate)
    return np.concatenate([_sigmoid(output_gate) * np.tanh(cell), cell], axis=1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # By tanh: unlike exp(-x) it does not overflow for large negative x.
    return 0.5 * (1 + np.tanh(0.5 * x))
