"""Between which numbers an observation is believed."""

from __future__ import annotations

from collections.abc import Iterable

from soulsai_core.messages import ArraySpec


def tolerated_bounds(specs: Iterable[ArraySpec]) -> tuple[float | None, float | None]:
    """Bounds for numbers of all these specs together, None if one of them has none. They are wider than the specs' by
    as much again on either side, since real environments overstep their spaces a little; what is beyond is made up."""
    specs = tuple(specs)
    lows = [spec.low for spec in specs]
    highs = [spec.high for spec in specs]
    if not specs or None in lows or None in highs:
        return None, None
    low = min(low for low in lows if low is not None)
    high = max(high for high in highs if high is not None)
    return 2 * low - high, 2 * high - low
