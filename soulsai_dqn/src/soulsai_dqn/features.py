"""Observations as one float32 vector for a multilayer perceptron."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, Discrete, EnvSpec, SpaceError

_FLOAT32 = np.dtype(np.float32)


class Features:
    """Flattens and concatenates the parts of an observation, in sorted order of their names.

    Attributes:
        size: length of the vector.

    Raises SpaceError for images, which need a convolutional network.
    """

    def __init__(self, spec: EnvSpec) -> None:
        for name, part in spec.observations.items():
            if len(part.shape) >= 3:
                raise SpaceError(
                    f"{spec.name} observes images ({name} has shape {part.shape}); DQN's network takes vectors. "
                    "Choose an environment with vector observations."
                )
        self.size = sum(int(np.prod(part.shape, dtype=np.int64)) for part in spec.observations.values())
        self._names = sorted(spec.observations)

    def of(self, observations: Arrays) -> np.ndarray:
        """name -> (n, *shape) becomes float32 (n, size); may share memory with its input."""
        if len(self._names) == 1:
            only = observations[self._names[0]]
            if only.ndim == 2 and only.dtype is _FLOAT32:  # the usual case, at every step: not even a view is made
                return only
            return only.reshape(len(only), self.size).astype(np.float32, copy=False)
        parts = [observations[name] for name in self._names]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1, dtype=np.float32)


def number_of_actions(spec: EnvSpec) -> int:
    """The number of discrete actions. Raises SpaceError for any other action space."""
    if not isinstance(spec.action, Discrete):
        kind = type(spec.action).__name__
        raise SpaceError(f"{spec.name} has {kind} actions; DQN needs Discrete ones. PPO (soulsai-ppo) takes others.")
    return spec.action.n
