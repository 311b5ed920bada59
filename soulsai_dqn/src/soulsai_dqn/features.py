"""What the networks see of an observation: one vector, one image, or both."""

from __future__ import annotations

import numpy as np

from soulsai_core import (
    Arrays,
    ArraySpec,
    Discrete,
    EnvSpec,
    SpaceError,
    channels_first,
    image_shape,
    is_image,
    tolerated_bounds,
)

VECTOR, IMAGE = "observation", "image"
ENV_COLUMN = ArraySpec((), "int32", low=0, high=4095)
"""Which of its client's environments a row is from. The learner keeps something for each, so that there is an end."""
_FLOAT32 = np.dtype(np.float32)


class Features:
    """Flattens and concatenates the vector parts of an observation, in sorted order of their names, and turns its
    image into (channels, height, width).

    Args:
        stack: images that the networks see at once, one after the other along the channels; None: each alone.

    Attributes:
        size: length of the vector, 0 if there is none.
        image: (channels, height, width) as the networks see it, None if there is none.
        frame: the same of one image.

    Raises SpaceError for images that convolutional networks cannot take, and for a stack where there is no image.
    """

    def __init__(self, spec: EnvSpec, stack: int | None = None) -> None:
        images = sorted(name for name, part in spec.observations.items() if is_image(part))
        if len(images) > 1:
            raise SpaceError(f"{spec.name} observes {len(images)} images ({', '.join(images)}); DQN takes one at most.")
        self._image_name = images[0] if images else None
        self._names = sorted(name for name in spec.observations if name not in images)
        self.size = sum(int(np.prod(spec.observations[name].shape, dtype=np.int64)) for name in self._names)
        self._bounds = tolerated_bounds(spec.observations[name] for name in self._names)
        self.frame = image_shape(spec.name, spec.observations[images[0]]) if images else None
        if stack is not None and self.frame is None:
            raise SpaceError(f"{spec.name} observes no image that could be stacked: set frame_stack: null.")
        self.image = self.frame and ((stack or 1) * self.frame[0], *self.frame[1:])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """name -> shape of one row, as the networks get them: "observation", "image"."""
        vector: dict[str, tuple[int, ...]] = {VECTOR: (self.size,)} if self.size else {}
        return vector if self.image is None else {**vector, IMAGE: self.image}

    def columns(self) -> dict[str, ArraySpec]:
        """The columns that hold them in samples."""
        shapes = self.shapes()
        columns = {VECTOR: ArraySpec(shapes[VECTOR], "float32", *self._bounds)} if self.size else {}
        return columns if self.image is None else {**columns, IMAGE: ArraySpec(shapes[IMAGE], "uint8")}

    def of(self, observations: Arrays) -> Arrays:
        """name -> (n, *shape) becomes "observation" float32 (n, size) and "image" uint8 (n, *image); may share
        memory with its input."""
        if self._image_name is None:
            return {VECTOR: self.vector(observations)}
        image = {IMAGE: channels_first(observations[self._image_name])}
        return {VECTOR: self.vector(observations), **image} if self.size else image

    def vector(self, observations: Arrays) -> np.ndarray:
        """The vector alone, float32 (n, size)."""
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
