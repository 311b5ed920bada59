"""From an observation to what networks see: one vector, one image, or both."""

from __future__ import annotations

import math

import numpy as np

from soulsai_core.errors import SpaceError
from soulsai_core.messages import Arrays, ArraySpec, EnvSpec
from soulsai_core.numerics.bounds import tolerated_bounds
from soulsai_core.numerics.images import channels_first, image_shape, is_image

VECTOR = "observation"
IMAGE = "image"
_FLOAT32 = np.dtype(np.float32)
_UNIT = ArraySpec((), "float32", 0.0, 1.0)


class Features:
    """Flattens and concatenates the vector parts of an observation, and turns its image into (channels, height, width).

    Parts are in the sorted order of their names, since a Dict space and its observations may have different orders.
    uint8 parts that are no images are divided by their upper bound, so that they lie within 0 .. 1. Images stay uint8:
    the networks scale them, and a replay of bytes takes a quarter of the memory.

    Args:
        stack: number of newest images that the networks see, one after the other along the channels; None: one.

    Attributes:
        size: length of the vector, 0 if there is none.
        image: (channels, height, width) as the networks see it, None if there is none.
        frame: (channels, height, width) of a single image, None if there is none.

    Raises SpaceError for images that convolutional networks cannot take, and for a stack where there is no image.
    """

    def __init__(self, spec: EnvSpec, stack: int | None = None) -> None:
        images = sorted(name for name, part in spec.observations.items() if is_image(part))
        if len(images) > 1:
            raise SpaceError(
                f"{spec.name} observes {len(images)} images ({', '.join(images)}); the networks take one at most."
            )
        self._image_name = images[0] if images else None
        self._names = sorted(name for name in spec.observations if name not in images)
        parts = {name: spec.observations[name] for name in self._names}
        self._scales = {n: np.float32(1 / (part.high or 255)) for n, part in parts.items() if part.dtype == "uint8"}
        self._bounds = tolerated_bounds(_UNIT if name in self._scales else part for name, part in parts.items())
        self.size = sum(int(np.prod(part.shape, dtype=np.int64)) for part in parts.values())
        self.frame = image_shape(spec.name, spec.observations[images[0]]) if images else None
        if stack is not None and self.frame is None:
            raise SpaceError(f"{spec.name} observes no image that could be stacked: set frame_stack: null.")
        self.image = self.frame and ((stack or 1) * self.frame[0], *self.frame[1:])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """name -> shape of one row, as the networks see it: "observation", "image"."""
        vector: dict[str, tuple[int, ...]] = {VECTOR: (self.size,)} if self.size else {}
        return vector if self.image is None else {**vector, IMAGE: self.image}

    def columns(self) -> dict[str, ArraySpec]:
        """name -> spec of one row of what `of` gives: a single image, also where the networks see a stack."""
        vector = {VECTOR: ArraySpec((self.size,), "float32", *self._bounds)} if self.size else {}
        return vector if self.frame is None else {**vector, IMAGE: ArraySpec(self.frame, "uint8")}

    def of(self, observations: Arrays) -> Arrays:
        """name -> (n, *shape) becomes "observation" float32 (n, size) and "image" uint8 (n, *frame); other names are
        left out. The result may share memory with the observations."""
        found = {VECTOR: self._vector(observations)} if self.size else {}
        if self._image_name is not None:
            found[IMAGE] = channels_first(observations[self._image_name])
        return found

    def _vector(self, observations: Arrays) -> np.ndarray:
        if len(self._names) == 1:
            # The most frequent case, at each step of a client: not even a view is made.
            only = observations[self._names[0]]
            if only.ndim == 2 and only.dtype == _FLOAT32:
                return only
            return self._part(self._names[0], observations)
        return np.concatenate([self._part(name, observations) for name in self._names], axis=1)

    def _part(self, name: str, observations: Arrays) -> np.ndarray:
        rows = observations[name]
        flat = rows.reshape(len(rows), math.prod(rows.shape[1:])).astype(np.float32, copy=False)
        return flat * self._scales[name] if name in self._scales else flat
