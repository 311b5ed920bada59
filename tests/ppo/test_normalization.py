"""Running moments, and rewards over the deviation of their discounted return."""

import numpy as np
import pytest

from soulsai_ppo.normalization import RewardScaler, RunningMoments, normalize


def test_moments_of_batches_are_those_of_all_rows(rng):
    moments = RunningMoments((3,))
    rows = rng.normal([1, -2, 1e4], [1, 5, 0.1], size=(1000, 3))
    for part in np.split(rows, [1, 10, 500]):
        moments.update(part)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(moments.variance, rows.var(axis=0), rtol=1e-6)


def test_moments_before_the_first_row_change_nothing():
    moments = RunningMoments((2,))
    moments.update(np.zeros((0, 2)))
    np.testing.assert_allclose(moments.mean, 0)
    np.testing.assert_allclose(moments.deviation, 1, atol=1e-6)


def test_constant_observations_stay_finite():
    moments = RunningMoments((1,))
    moments.update(np.full((100, 1), 7.0))
    x = normalize(np.array([[7.0], [8.0]], np.float32), moments.mean, 1 / moments.deviation, 10.0)
    assert np.isfinite(x).all() and x[1, 0] == 10


def test_normalized_values_are_clipped_and_their_input_is_left_alone(rng):
    x = rng.normal(size=(50, 2)).astype(np.float32) * 100
    kept = x.copy()
    assert np.abs(normalize(x, np.zeros(2, np.float32), np.ones(2, np.float32), 5.0)).max() == 5
    np.testing.assert_array_equal(x, kept)


def test_saved_moments_go_on_as_if_nothing_had_happened(rng):
    one, other = RunningMoments((2,)), RunningMoments((2,))
    one.update(rng.normal(size=(10, 2)))
    other.load(one.save())
    rows = rng.normal(size=(10, 2))
    for moments in (one, other):
        moments.update(rows)
    np.testing.assert_array_equal(one.variance, other.variance)
    with pytest.raises(ValueError, match="instead of"):
        RunningMoments((3,)).load(one.save())


def running_returns(rewards, ended, gamma, start=0.0):
    returns, value = [], start
    for reward, over in zip(rewards, ended, strict=True):
        value = value * gamma + reward
        returns.append(value)
        value = 0.0 if over else value
    return returns, value


def test_rewards_are_scaled_by_the_deviation_of_the_discounted_return(rng):
    """Two environments over two rounds; the return goes on over the end of a rollout, and begins anew after an end."""
    scaler, gamma = RewardScaler(0.9, 100.0), 0.9
    seen, carried = [], {("a", 0): 0.0, ("a", 1): 0.0}
    for _ in range(2):
        rewards = rng.normal(size=40).astype(np.float32)
        terminated, cut = rng.random(40) < 0.1, np.zeros(40, np.bool_)
        cut[[10, 30]] = ~terminated[[10, 30]]
        cut[[19, 39]] = ~terminated[[19, 39]]
        for env, part in enumerate((slice(0, 20), slice(20, 40))):
            ended = (terminated | cut)[part].copy()
            ended[-1] = terminated[part][-1]
            returns, carried["a", env] = running_returns(rewards[part], ended, gamma, carried["a", env])
            seen += returns
        scaled = scaler.scale(rewards, terminated, cut, np.array([0, 20]), [("a", 0), ("a", 1)])
        np.testing.assert_allclose(scaled, rewards / np.std(seen), rtol=1e-6)
    assert scaled.dtype == np.float32


def test_scaled_rewards_are_clipped(rng):
    rewards = np.append(rng.normal(size=99), 1e3).astype(np.float32)
    none = np.zeros(100, np.bool_)
    assert np.abs(RewardScaler(0.5, 2.0).scale(rewards, none, none, np.array([0]), [("a", 0)])).max() == 2


def test_returns_of_lost_clients_are_forgotten(rng):
    scaler, none = RewardScaler(0.9, 10.0), np.zeros(4, np.bool_)
    for client in ("a", "b"):
        scaler.scale(np.ones(4, np.float32), none, none, np.array([0]), [(client, 0)])
    _, returns = scaler.save()
    assert [client for client, _, _ in returns] == ["b"]
