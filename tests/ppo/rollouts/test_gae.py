"""Advantages against the definition: sums term by term, in float64."""

import numpy as np
import pytest

from soulsai_ppo.rollouts.gae import advantages, discounted_sums


def brute_force(reward, value, terminated, learned, gamma, lam):
    """A_t = sum over k of (gamma lambda)^k d_{t+k} up to the first end, from the definition."""
    gamma = np.broadcast_to(gamma, len(reward))
    result = np.zeros(len(reward))
    for t in np.flatnonzero(learned):
        weight = 1.0
        for k in range(t, len(reward)):
            following = 0.0 if terminated[k] else value[k + 1]
            result[t] += weight * (reward[k] + gamma[k] * following - value[k])
            if terminated[k] or not learned[k + 1]:
                break
            weight *= gamma[k] * lam
    return result


def draw_steps(rng, steps, ends):
    """Reward, value, terminated and learned; of the last row only the value is used."""
    terminated = rng.random(steps) < ends / 2
    learned = rng.random(steps) >= ends / 2
    learned[-1] = False
    return (*rng.normal(size=(2, steps)), terminated & learned, learned)


@pytest.mark.parametrize("ends", [0.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 64, 257])
@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0)])
def test_advantages_equal_the_definition(rng, steps, ends, gamma, lam):
    given = draw_steps(rng, steps, ends)
    learned = given[3]
    expected = brute_force(*given, gamma, lam)
    np.testing.assert_allclose(advantages(*given, gamma, lam)[learned], expected[learned], rtol=1e-10, atol=1e-10)


def test_each_step_may_have_its_own_discount(rng):
    given = draw_steps(rng, 200, 0.1)
    gamma = 0.9 ** rng.uniform(0.5, 3, size=200)
    expected = brute_force(*given, gamma, 0.95)
    np.testing.assert_allclose(advantages(*given, gamma, 0.95)[given[3]], expected[given[3]], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("terminates", [True, False])
def test_next_episode_changes_no_advantage_before_its_start(rng, terminates):
    reward, value, terminated, learned = draw_steps(rng, 50, 0.1)
    terminated[19] = terminates
    learned[18:21] = (True, terminates, True)
    before = advantages(reward, value, terminated, learned, 0.99, 0.95)[:19]
    reward[20:] = 1e6
    value[20:] = 1e6
    np.testing.assert_array_equal(advantages(reward, value, terminated, learned, 0.99, 0.95)[:19], before)


def test_truncated_step_bootstraps_and_terminated_step_does_not():
    reward = np.ones(2)
    value = np.array([1.0, 10.0])
    learned = np.array([True, False])
    for terminated, expected in ((False, 1 + 0.5 * 10 - 1), (True, 0)):
        found = advantages(reward, value, np.array([terminated, False]), learned, 0.5, 0.9)
        assert found[0] == pytest.approx(expected)


def test_reward_of_a_row_that_is_not_learned_from_does_not_matter(rng):
    reward, value, terminated, learned = draw_steps(rng, 40, 0.3)
    changed = np.where(learned, reward, 1e9)
    one, other = (advantages(r, value, terminated, learned, 0.9, 0.9)[learned] for r in (reward, changed))
    np.testing.assert_array_equal(one, other)


def test_float32_input_is_summed_in_float64(rng):
    reward, value, *flags = draw_steps(rng, 512, 0.001)
    single = [reward.astype(np.float32), value.astype(np.float32), *flags]
    exact = [column.astype(np.float64) for column in single[:2]] + flags
    learned = flags[1]
    found = advantages(*single, 0.999, 0.98)
    expected = brute_force(*exact, 0.999, 0.98)
    np.testing.assert_allclose(found[learned], expected[learned], rtol=1e-9, atol=1e-9)


def test_sums_do_not_change_their_input(rng):
    x = rng.normal(size=9)
    factor = np.full(9, 0.5)
    kept = x.copy(), factor.copy()
    discounted_sums(x, factor)
    np.testing.assert_array_equal((x, factor), kept)
