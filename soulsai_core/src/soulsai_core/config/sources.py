"""Remembers which layer said what, so that an error can name the place to mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list positions from the top: ("connectors", 0, "name")."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: where it is, in words, and the nested values that it gives."""

    origin: str
    values: dict[str, Any]

    def gives(self, path: Path) -> bool:
        """True if this layer sets `path`, or sets something that is no mapping or list above it."""
        value: Any = self.values
        for key in path:
            if not isinstance(value, Mapping | list):
                return True
            try:
                value = value[key]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return False
        return True


@dataclass(frozen=True)
class Sources:
    """Layers, the lowest first. All compare equal: where settings come from is no part of what they are."""

    layers: Sequence[Layer] = field(default=(), compare=False)

    def origin(self, path: Path) -> str | None:
        """The highest layer that gives `path`, in words."""
        return next((layer.origin for layer in reversed(self.layers) if layer.gives(path)), None)

    def origins(self) -> list[str]:
        """All places that gave something, in words, the lowest first."""
        return list(dict.fromkeys(layer.origin for layer in self.layers))


def dotted(path: Path) -> str:
    """`connectors[0].config.port` for ("connectors", 0, "config", "port")."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")
