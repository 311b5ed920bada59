"""Asynchronous DQN for SoulsAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_dqn.node import DQNTrainingNode as DQNTrainingNode

__all__ = ["DQNTrainingNode"]


def __getattr__(name: str) -> object:
    """Imported when first used, since clients need neither the node nor torch."""
    if name == "DQNTrainingNode":
        from soulsai_dqn.node import DQNTrainingNode

        return DQNTrainingNode
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
