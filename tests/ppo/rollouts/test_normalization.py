"""Rewards over the deviation of their discounted return."""

import numpy as np
import pytest

from soulsai_ppo.rollouts.columns import LEARNED, START
from soulsai_ppo.rollouts.experience import Experience
from soulsai_ppo.rollouts.normalization import RewardScaler

ONE_STREAM = (np.array([0]), [("a", 0)])


def experience_of(rewards, start, learned, firsts=ONE_STREAM[0], owners=ONE_STREAM[1]):
    rows = {"reward": np.array(rewards, np.float32), START: np.array(start), LEARNED: np.array(learned)}
    return Experience(rows, firsts, owners)


def running_returns(rewards, start, learned, discount, before=0.0):
    """The return at each row, and what the next row adds its reward to."""
    returns = []
    value = before
    for reward, begins, counts, gamma in zip(rewards, start, learned, discount, strict=True):
        value = (0.0 if begins else value) + (reward if counts else 0.0)
        returns.append(value)
        value *= gamma
    return returns


def test_rewards_are_scaled_by_the_deviation_of_the_discounted_return(rng):
    """Two environments over two rounds; the return goes on over the end of a rollout, whose last row is there for its
    value only, and begins anew with an episode."""
    scaler = RewardScaler(100.0)
    seen = []
    carried = {("a", 0): 0.0, ("a", 1): 0.0}
    for _ in range(2):
        rewards = rng.normal(size=40).astype(np.float32)
        start = rng.random(40) < 0.1
        learned = np.ones(40, np.bool_)
        learned[[7, 19, 39]] = False
        start[[7, 19, 39]] = False
        discount = 0.9 ** rng.uniform(0.5, 2, size=40)
        for env, part in enumerate((slice(0, 20), slice(20, 40))):
            given = (rewards[part], start[part], learned[part], discount[part])
            returns = running_returns(*given, carried["a", env])
            carried["a", env] = returns[-1]
            seen += [one for one, counts in zip(returns, learned[part], strict=True) if counts]
        round_ = experience_of(rewards, start, learned, np.array([0, 20]), [("a", 0), ("a", 1)])
        scaled = scaler.scale(round_, discount)
        np.testing.assert_allclose(scaled, rewards / np.std(seen), rtol=1e-6)
    assert scaled.dtype == np.float32


def test_scaled_rewards_are_clipped(rng):
    rewards = np.append(rng.normal(size=99), 1e3)
    experience = experience_of(rewards, np.zeros(100, np.bool_), np.ones(100, np.bool_))
    assert np.abs(RewardScaler(2.0).scale(experience, np.full(100, 0.5))).max() == 2


def test_returns_of_lost_clients_are_forgotten():
    scaler = RewardScaler(10.0)
    none = np.zeros(4, np.bool_)
    all_ = np.ones(4, np.bool_)
    for client in ("a", "b"):
        scaler.scale(experience_of(np.ones(4), none, all_, owners=[(client, 0)]), np.full(4, 0.9))
    _, returns = scaler.save()
    assert [client for client, _, _ in returns] == ["b"]


def test_loaded_scaler_gives_the_same_rewards(rng):
    one = RewardScaler(10.0)
    other = RewardScaler(10.0)
    start = np.zeros(5, np.bool_)
    all_ = np.ones(5, np.bool_)
    discount = np.full(5, 0.9)
    one.scale(experience_of(rng.normal(size=5), start, all_), discount)
    other.load(*one.save())
    experience = experience_of(rng.normal(size=5), start, all_)
    np.testing.assert_array_equal(one.scale(experience, discount), other.scale(experience, discount))
    with pytest.raises(KeyError):
        other.load({}, [])
