"""Remembers which layer gave which setting, so that an error can name the file or variable to correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list positions from the top: ("connectors", 0, "name")."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings.

    Attributes:
        origin: in words, such as a file's name.
        values: nested.
        texts: the same tree with each value as it was written, empty if it was not read from text.
    """

    origin: str
    values: dict[str, Any]
    texts: Any = field(default_factory=dict)

    def gives(self, path: Path) -> bool:
        """True if this layer sets `path`, or sets a single value at a path above it."""
        value: Any = self.values
        for key in path:
            if not isinstance(value, Mapping | list):
                return True
            # A list in one layer may be shorter than in another, and keys of YAML may have any type.
            try:
                value = value[key]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return False
        return True


@dataclass(frozen=True)
class Sources:
    """Layers, the lowest first. All objects are equal: two equal configurations may come from different layers."""

    layers: Sequence[Layer] = field(default=(), compare=False)

    def origin(self, path: Path) -> str | None:
        """The origin of the highest layer that gives `path`, in words."""
        return next((layer.origin for layer in reversed(self.layers) if layer.gives(path)), None)

    def text(self, path: Path) -> str | None:
        """The value at `path` as it was written in the highest layer that gives it; None if it was not read from
        text."""
        layer = next((layer for layer in reversed(self.layers) if layer.gives(path)), None)
        value: Any = None if layer is None else layer.texts
        for key in path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value if isinstance(value, str) else None

    def origins(self) -> list[str]:
        """The origins of all layers, in words, the lowest first."""
        return list(dict.fromkeys(layer.origin for layer in self.layers))


def dotted(path: Path) -> str:
    """`connectors[0].config.port` for ("connectors", 0, "config", "port")."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
