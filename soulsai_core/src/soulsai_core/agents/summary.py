"""The returns of an evaluation in a few numbers, alone or compared with another evaluation on the same seeds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from soulsai_core.agents.statistics import bootstrap_interval, interquartile_mean


class Summary(msgspec.Struct, frozen=True):
    """Statistics of returns.

    Attributes:
        deviation: standard deviation of the returns, 0 for a single one.
        interval: 95% bootstrap interval of the interquartile mean.
    """

    episodes: int
    mean: float
    deviation: float
    median: float
    interquartile_mean: float
    interval: tuple[float, float]
    lowest: float
    highest: float


class Comparison(msgspec.Struct, frozen=True):
    """The returns of one agent less those of another on the same seeds.

    Attributes:
        better, worse: episodes in which the first agent's return was higher, and lower.
    """

    difference: Summary
    better: int
    worse: int


def summarize(returns: Sequence[float], rng: np.random.Generator) -> Summary:
    """The statistics of one or more returns. The generator draws for the bootstrap."""
    values = np.asarray(returns, np.float64)
    return Summary(
        episodes=len(values),
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        median=float(np.median(values)),
        interquartile_mean=interquartile_mean(values),
        interval=bootstrap_interval(values, rng),
        lowest=float(values.min()),
        highest=float(values.max()),
    )


def compare(returns: Sequence[float], others: Sequence[float], rng: np.random.Generator) -> Comparison:
    """Compare returns in the same order of seeds."""
    differences = np.subtract(returns, others)
    return Comparison(summarize(differences.tolist(), rng), int((differences > 0).sum()), int((differences < 0).sum()))
