"""Attacks: their wind-up, when and where they hit, and the recovery after them."""

from __future__ import annotations

from dataclasses import dataclass

# Half angles of the sector that a hit covers, in radians.
NARROW = 0.45
FRONT = 0.9
WIDE = 1.5
AROUND = 3.2  # above pi: everything around the boss


@dataclass(frozen=True, slots=True)
class Hit:
    """A part of an attack that hits the player within `reach` and `arc`, once, between `start` and `end`.

    Attributes:
        start, end: seconds since the attack began.
        reach: meters.
        arc: half angle around the boss' heading, in radians.
        damage: hit points.
        reaction: the player's animation.
        throw: the hit is a grab, whose damage comes later and which cannot be parried.
        frost: share of the player's resistance to frost that it takes.
    """

    start: float
    end: float
    reach: float
    arc: float
    damage: int
    reaction: str
    throw: bool = False
    frost: float = 0.0


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack of the boss' table.

    Attributes:
        duration: seconds.
        nearest, farthest: range of distances to the player, in meters, in which the attack is chosen.
        lunge: (from second, to second, meters) of the boss' movement forward.
        tracks: seconds during which the boss still turns to the player.
        weight: relative probability among the attacks that can be chosen.
        follow_ups: (animation, probability) of attacks that may come at the end instead of a pause.
        behind: chosen only if the player is behind the boss; the others only if it is in front.
        second_phase: chosen only in the second phase.
    """

    animation: str
    duration: float
    hits: tuple[Hit, ...]
    nearest: float
    farthest: float
    lunge: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tracks: float = 0.5
    weight: float = 1.0
    follow_ups: tuple[tuple[str, float], ...] = ()
    behind: bool = False
    second_phase: bool = False
