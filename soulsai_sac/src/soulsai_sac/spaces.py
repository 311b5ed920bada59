"""What actor and learner agree on: vectors as observations, and bounded continuous actions."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, Continuous, EnvSpec, Features, SpaceError


class Bounds:
    """Converts between the environment's actions (n, *shape) and the policy's, float32 (n, size) within -1 .. 1.

    Raises SpaceError if actions are not continuous or not bounded.
    """

    def __init__(self, spec: EnvSpec) -> None:
        action = spec.action
        if not isinstance(action, Continuous):
            raise SpaceError(f"sac serves continuous actions, and those of {spec.name} are {type(action).__name__}.")
        if None in action.low or None in action.high:
            raise SpaceError(f"sac needs bounds of all actions, which {spec.name} does not have: wrap it to clip them.")
        self.shape = action.shape
        self.size = len(action.low)
        self._low, self._high = np.array([action.low, action.high], np.float32)
        self._middle = (self._low + self._high) / 2
        self._half = (self._high - self._low) / 2

    def to_environment(self, actions: np.ndarray) -> np.ndarray:
        """The environment's actions for the policy's."""
        # Clipped, since rounding may lead out of the bounds, and environments assert them.
        within = np.clip(self._middle + self._half * actions, self._low, self._high)
        return within.reshape(len(actions), *self.shape)

    def to_policy(self, actions: np.ndarray) -> np.ndarray:
        """The policy's actions for the environment's; 0 where both bounds are equal."""
        half = np.where(self._half > 0, self._half, np.float32(1))
        return (actions.reshape(len(actions), self.size) - self._middle) / half


def vector_features(spec: EnvSpec) -> Features:
    """The features of observations. Raises SpaceError for images."""
    features = Features(spec)
    if features.image is not None:
        raise SpaceError(f"sac serves vectors, and {spec.name} observes an image.")
    return features


def vector(features: Features, observations: Arrays) -> np.ndarray:
    """Observations as one vector a row, float32 (n, size)."""
    return features.of(observations)["observation"]
