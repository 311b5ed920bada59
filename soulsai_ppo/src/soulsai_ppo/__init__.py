"""Synchronous PPO for SoulsAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_ppo.node import PPOTrainingNode as PPOTrainingNode

__all__ = ["PPOTrainingNode"]


def __getattr__(name: str) -> object:
    """Imported when first used, since clients do not need the node."""
    if name == "PPOTrainingNode":
        from soulsai_ppo.node import PPOTrainingNode

        return PPOTrainingNode
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
