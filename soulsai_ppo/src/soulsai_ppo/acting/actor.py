"""PPO's actor. It needs torch only for images."""

from __future__ import annotations

import numpy as np

from soulsai_core import (
    VECTOR,
    Actor,
    Arrays,
    Continuous,
    EnvSpec,
    Features,
    RecurrentState,
    Weights,
    lstm_step,
    normalized,
)
from soulsai_ppo.acting.numpy_policy import Encoder, make_encoder
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.networks.distributions import distribution_for
from soulsai_ppo.spaces import MEAN, RAW, SCALE, STATE


class PPOActor(Actor):
    """Draws actions from the policy. The LSTM's state is 0 where an episode begins [33, 34].

    Args:
        explore: False always takes the most likely action.
    """

    def __init__(self, config: PPOConfig, spec: EnvSpec, rng: np.random.Generator, explore: bool = True) -> None:
        self._config = config
        self._rng = rng
        self._explore = explore
        self._features = Features(spec)
        self._distribution = distribution_for(spec, config)
        self._continuous = isinstance(spec.action, Continuous)
        self._memory = None if config.lstm is None else RecurrentState(2 * config.lstm)
        self._calls = 0  # with the present weights
        self._arrays: Arrays = {}
        self._encode: Encoder

    def load(self, weights: Weights) -> None:
        self._arrays = weights.arrays
        self._encode = make_encoder(weights.arrays, self._config.activation)
        self._calls = 0

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        own: Arrays = {}
        x = self._encode(self._inputs(observations))
        if self._memory is not None:
            x = self._through_lstm(x, self._memory, starts, own)
        head = x @ self._arrays["policy.weight"] + self._arrays["policy.bias"]
        if self._explore:
            raw = self._distribution.sample(head, self._arrays["log_std"], masks, self._rng)
        else:
            raw = self._distribution.mode(head, masks)
        if self._continuous:
            own[RAW] = raw
        return self._distribution.executed(raw), own

    def _inputs(self, observations: Arrays) -> Arrays:
        features = self._features.of(observations)
        if MEAN in self._arrays and VECTOR in features:
            clip = self._config.observation_clip
            features[VECTOR] = normalized(features[VECTOR], self._arrays[MEAN], self._arrays[SCALE], clip)
        return features

    def _through_lstm(self, x: np.ndarray, memory: RecurrentState, starts: np.ndarray, own: Arrays) -> np.ndarray:
        """The LSTM's output (n, width). The state before goes into `own` where a sequence begins."""
        state = memory.before(starts)
        arrays = self._arrays
        # Counted from the load of the weights, so that the first row of each rollout has a state.
        if self._calls % self._config.sequence_length == 0:
            own[STATE] = state
        self._calls += 1
        state = lstm_step(x, state, arrays["lstm.input"], arrays["lstm.state"], arrays["lstm.bias"])
        memory.after(state)
        return state[:, : state.shape[1] // 2]
