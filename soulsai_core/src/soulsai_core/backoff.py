"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Iterator


def delays(rng: random.Random, first: float = 0.1, factor: float = 2.0, longest: float = 10.0) -> Iterator[float]:
    """Endless waits in seconds: exponential up to `longest`, each shortened by up to half, so that clients that lost
    the same server do not come back in step."""
    bound = first
    while True:
        yield bound * (1 - 0.5 * rng.random())
        bound = min(bound * factor, longest)
