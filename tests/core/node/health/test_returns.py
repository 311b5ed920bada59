"""The trend of returns over a run."""

import random

import pytest

from soulsai_core.node.health.returns import ReturnTrend


def trend_of(returns):
    trend = ReturnTrend()
    for value in returns:
        trend.add(value)
    return trend.trend()


def test_a_few_episodes_have_no_trend():
    assert trend_of(range(63)) is None
    assert trend_of(range(64)).episodes == 32


@pytest.mark.parametrize("episodes", [64, 100, 1000, 20_000])
def test_the_newest_quarter_is_compared_with_the_one_before(episodes):
    found = trend_of(float(i) for i in range(episodes))
    assert found.change == pytest.approx(episodes / 4, rel=0.3)
    assert found.episodes == pytest.approx(episodes / 2, rel=0.3)
    assert found.change > 3 * found.error


@pytest.mark.parametrize(("slope", "rises", "falls"), [(0.0, False, False), (0.01, True, False), (-0.01, False, True)])
def test_noise_is_told_from_a_trend(slope, rises, falls):
    rng = random.Random(1)
    found = trend_of(slope * i + rng.gauss(0, 20) for i in range(8000))
    assert (found.change > 3 * found.error, found.change < -3 * found.error) == (rises, falls)


def test_the_spread_is_that_of_the_whole_run():
    assert trend_of([0.0] * 200 + [100.0] * 200 + [50.0] * 400).spread == 100.0
