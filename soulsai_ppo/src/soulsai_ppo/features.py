"""What the networks see of an observation: one vector, one image, or both."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, ArraySpec, EnvSpec, SpaceError, tolerated_bounds

VECTOR, IMAGE = "vector", "image"
_SMALLEST = 36
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
        images = sorted(name for name, part in spec.observations.items() if _is_image(part))
        if len(images) > 1:
            raise SpaceError(f"{spec.name} observes {len(images)} images ({', '.join(images)}); PPO takes one at most.")
        self._image_name = images[0] if images else None
        self._names = sorted(name for name in spec.observations if name not in images)
        self._scales = {n: 1 / (part.high or 255) for n, part in spec.observations.items() if part.dtype == "uint8"}
        self.size = sum(int(np.prod(spec.observations[name].shape, dtype=np.int64)) for name in self._names)
        parts = {name: spec.observations[name] for name in self._names}
        self._bounds = tolerated_bounds(_UNIT if name in self._scales else part for name, part in parts.items())
        self.image = self._image_shape(spec)

    def columns(self) -> dict[str, ArraySpec]:
        """The columns that hold them in samples."""
        columns = {VECTOR: ArraySpec((self.size,), "float32", *self._bounds)} if self.size else {}
        return columns | ({} if self.image is None else {IMAGE: ArraySpec(self.image, "uint8")})

    def of(self, observations: Arrays) -> Arrays:
        """name -> (n, *shape) becomes "vector" float32 (n, size), "image" uint8 (n, *image); may share memory."""
        found = {VECTOR: self._vector(observations)} if self.size else {}
        if self._image_name is not None:
            found[IMAGE] = _channels_first(observations[self._image_name])
        return found

    def _vector(self, observations: Arrays) -> np.ndarray:
        if len(self._names) == 1:
            return self._part(self._names[0], observations)
        return np.concatenate([self._part(name, observations) for name in self._names], axis=1)

    def _part(self, name: str, observations: Arrays) -> np.ndarray:
        rows = observations[name]
        flat = rows.reshape(len(rows), -1).astype(np.float32, copy=False)
        return flat * np.float32(self._scales[name]) if name in self._scales else flat

    def _image_shape(self, spec: EnvSpec) -> tuple[int, int, int] | None:
        if self._image_name is None:
            return None
        given = spec.observations[self._image_name].shape
        shape = _channels_first(np.zeros((1, *given), np.uint8)).shape[1:]
        if min(shape[1:]) < _SMALLEST:
            raise SpaceError(
                f"{spec.name} observes images of {shape[1]} x {shape[2]} pixels; the convolutional network needs "
                f"{_SMALLEST} x {_SMALLEST} at least. The wrapper resize makes them larger."
            )
        return shape


def _is_image(part: ArraySpec) -> bool:
    if part.dtype != "uint8":
        return False
    return len(part.shape) in (3, 4) or (len(part.shape) == 2 and min(part.shape) >= _SMALLEST)


def _channels_first(rows: np.ndarray) -> np.ndarray:
    """(n, H, W), (n, H, W, C), (n, C, H, W) or stacked (n, S, H, W, C) becomes (n, C, H, W); the smaller one of the
    outer axes of an image counts its channels."""
    if rows.ndim == 3:
        return rows[:, None]
    if rows.ndim == 5:
        stacked = rows.transpose(0, 1, 4, 2, 3)
        return stacked.reshape(len(rows), -1, *stacked.shape[3:])
    return rows.transpose(0, 3, 1, 2) if rows.shape[3] < rows.shape[1] else rows
