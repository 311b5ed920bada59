"""Asynchronous soft actor-critic for SoulsAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_sac.node import SACTrainingNode as SACTrainingNode

__all__ = ["SACTrainingNode"]


def __getattr__(name: str) -> object:
    """Imported when first used, since clients need neither the node nor torch."""
    if name == "SACTrainingNode":
        from soulsai_sac.node import SACTrainingNode

        return SACTrainingNode
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
