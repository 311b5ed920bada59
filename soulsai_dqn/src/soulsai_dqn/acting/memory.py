"""What an actor with an LSTM keeps from step to step."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, RecurrentState
from soulsai_dqn.config import RecurrentConfig
from soulsai_dqn.spaces import STATE, state_size


class Memory:
    """The state of a recurrent network for each environment, and which steps it is sent with.

    Args:
        actions: number of actions.
    """

    def __init__(self, config: RecurrentConfig, actions: int) -> None:
        self._config = config
        self._state = RecurrentState(state_size(config, actions))
        self._before = self._state.before(np.zeros(0, np.bool_))
        self._steps = 0

    def before(self, starts: np.ndarray) -> np.ndarray:
        """The state (n, `spaces.state_size`) before a step; bool (n,) `starts` says where an episode begins."""
        self._before = self._state.before(starts)
        return self._before

    def after(self, lstm: np.ndarray, actions: np.ndarray) -> Arrays:
        """Keep the LSTM's state after the step (n, 2 * width) and the actions (n,) that were chosen in it.

        Returns:
            The state before the step as the own column, if it is sent with this one.
        """
        state = np.zeros_like(self._before)
        state[:, : lstm.shape[1]] = lstm
        if self._config.previous_action:
            state[np.arange(len(state)), lstm.shape[1] + actions] = 1
        self._state.after(state)
        sent = self._steps % self._config.stride == 0
        self._steps += 1
        return {STATE: self._before} if sent else {}
