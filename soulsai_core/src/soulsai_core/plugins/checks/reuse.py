"""Notices arrays that change after they were given away: who received them still needs what was in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

CLOSE_LOOKS = 8
"""Calls of an object that are looked at closely. Who reuses a buffer does so from the beginning."""


class Kept:
    """Arrays as they were when they were given away."""

    def __init__(self) -> None:
        self._arrays: Mapping[str, np.ndarray] = {}
        self._copies: dict[str, np.ndarray] = {}

    def keep(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Remember what is in these arrays now."""
        self._arrays = dict(arrays)
        self._copies = {name: array.copy() for name, array in arrays.items()}

    def changed(self) -> str | None:
        """The name of an array that has changed since; None if there is none."""
        for name, copy in self._copies.items():
            array = self._arrays[name]
            if array.tobytes() != copy.tobytes():
                return name
        return None

    def forget(self) -> None:
        """Keep nothing any more."""
        self._arrays = {}
        self._copies = {}
