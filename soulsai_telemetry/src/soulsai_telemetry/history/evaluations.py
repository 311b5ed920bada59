"""The scores of models from the episodes that evaluate them."""

from __future__ import annotations

import statistics
from collections import OrderedDict

_MODELS = 8
"""Models whose episodes are awaited: reports come late, and a contributor may invent iterations."""


class EvaluatedModels:
    """Judges a model once all its evaluation episodes are there.

    The score is their mean. Where contributors alone play them it is the median of the contributors' means, so that
    none of them decides alone; once one of the host's own clients has reported, only these count.

    Args:
        mode: "max" or "min", whether a higher or a lower score is better.
    """

    def __init__(self, mode: str) -> None:
        self._median = statistics.median_low if mode == "max" else statistics.median_high
        self._models: OrderedDict[int, dict[str, list[float]]] = OrderedDict()
        self._judged: OrderedDict[int, None] = OrderedDict()
        self._own = False

    def add(self, iteration: int, client: str, value: float, episodes: int) -> float | None:
        """Take in the value of one of the `episodes` that evaluate the model of this iteration. Returns the model's
        score with the last of them, else None."""
        contributor = client.partition("@")[0] if "@" in client else ""
        self._own = self._own or not contributor
        if (self._own and contributor) or iteration in self._judged:
            return None
        model = self._models.setdefault(iteration, {})
        self._models.move_to_end(iteration)
        values = model.setdefault(contributor, [])
        values.append(value)
        if len(self._models) > _MODELS:
            self._models.popitem(last=False)
        counted = [values] if self._own else list(model.values())
        if sum(map(len, counted)) < episodes:
            return None
        del self._models[iteration]
        self._judged[iteration] = None
        if len(self._judged) > _MODELS:
            self._judged.popitem(last=False)
        return self._median([sum(group) / len(group) for group in counted])
