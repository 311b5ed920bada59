"""The bounds within which the values of an observation are accepted."""

from __future__ import annotations

from collections.abc import Iterable

from soulsai_core.messages import ArraySpec


def tolerated_bounds(specs: Iterable[ArraySpec]) -> tuple[float | None, float | None]:
    """(low, high) for the numbers of all these specs together, None and None if one of them has no bounds.

    The range is three times as wide as that of the specs, with the same center: real environments overstep their
    spaces a little, and values further out can only be errors.
    """
    specs = tuple(specs)
    lows = [spec.low for spec in specs]
    highs = [spec.high for spec in specs]
    if not specs or None in lows or None in highs:
        return None, None
    low = min(low for low in lows if low is not None)
    high = max(high for high in highs if high is not None)
    return 2 * low - high, 2 * high - low
