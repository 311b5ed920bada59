"""Frostbite: hits wear the player's resistance down, and at zero it breaks."""

from __future__ import annotations

_LASTS_S = 20.0
_RECOVERY = 0.02  # of the resistance, in a second
# Shares: of the health that the bite costs at once, and of stamina's recovery that is left while it lasts.
BITE = 0.15
SLOWED = 0.7


class Frost:
    """Attributes:
    resistance: what is left of it, from 1 to 0.
    effect: remaining share of a frostbite's time, from 1 to 0.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Full resistance, and no frostbite."""
        self.resistance = 1.0
        self.effect = 0.0

    def advance(self, dt: float) -> None:
        """Let `dt` seconds pass."""
        self.effect = max(self.effect - dt / _LASTS_S, 0.0)
        self.resistance = min(self.resistance + _RECOVERY * dt, 1.0)

    def take(self, amount: float) -> bool:
        """A hit that takes this share of the resistance. Returns whether it breaks, and the player is bitten."""
        if self.effect:
            return False
        self.resistance -= amount
        if self.resistance > 0:
            return False
        self.resistance = 1.0
        self.effect = 1.0
        return True
