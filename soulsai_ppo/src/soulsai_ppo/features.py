"""What the networks see of an observation: one vector, one image, or both."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, ArraySpec, EnvSpec, SpaceError, channels_first, image_shape, is_image, tolerated_bounds

VECTOR, IMAGE = "vector", "image"
_UNIT = ArraySpec((), "float32", 0.0, 1.0)


class Features:
    """Flattens and concatenates the vector parts of an observation, in sorted order of their names, and turns its
    image into (channels, height, width).

    uint8 parts that are no images are divided by their upper bound, so that they lie within 0 .. 1.

    Attributes:
        size: length of the vector, 0 if there is none.
        image: (channels, height, width), None if there is none.

    Raises SpaceError for images that the convolutional network cannot take.
    """

    def __init__(self, spec: EnvSpec) -> None:
        images = sorted(name for name, part in spec.observations.items() if is_image(part))
        if len(images) > 1:
            raise SpaceError(f"{spec.name} observes {len(images)} images ({', '.join(images)}); PPO takes one at most.")
        self._image_name = images[0] if images else None
        self._names = sorted(name for name in spec.observations if name not in images)
        self._scales = {n: 1 / (part.high or 255) for n, part in spec.observations.items() if part.dtype == "uint8"}
        self.size = sum(int(np.prod(spec.observations[name].shape, dtype=np.int64)) for name in self._names)
        parts = {name: spec.observations[name] for name in self._names}
        self._bounds = tolerated_bounds(_UNIT if name in self._scales else part for name, part in parts.items())
        self.image = image_shape(spec.name, spec.observations[images[0]]) if images else None

    def columns(self) -> dict[str, ArraySpec]:
        """The columns that hold them in samples."""
        columns = {VECTOR: ArraySpec((self.size,), "float32", *self._bounds)} if self.size else {}
        return columns | ({} if self.image is None else {IMAGE: ArraySpec(self.image, "uint8")})

    def of(self, observations: Arrays) -> Arrays:
        """name -> (n, *shape) becomes "vector" float32 (n, size), "image" uint8 (n, *image); may share memory."""
        found = {VECTOR: self._vector(observations)} if self.size else {}
        if self._image_name is not None:
            found[IMAGE] = channels_first(observations[self._image_name])
        return found

    def _vector(self, observations: Arrays) -> np.ndarray:
        if len(self._names) == 1:
            return self._part(self._names[0], observations)
        return np.concatenate([self._part(name, observations) for name in self._names], axis=1)

    def _part(self, name: str, observations: Arrays) -> np.ndarray:
        rows = observations[name]
        flat = rows.reshape(len(rows), -1).astype(np.float32, copy=False)
        return flat * np.float32(self._scales[name]) if name in self._scales else flat
