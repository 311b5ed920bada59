"""Advantages against sums written down term by term, in float64."""

import time

import numpy as np
import pytest

from soulsai_ppo.gae import advantages, discounted_sums


def brute_force(reward, value, next_value, terminated, cut, gamma, lam):
    """A_t = sum over k of (gamma lambda)^k d_{t+k} up to the first end, from the definition."""
    result = np.zeros(len(reward))
    for t in range(len(reward)):
        weight = 1.0
        for k in range(t, len(reward)):
            following = 0.0 if terminated[k] else next_value[k] if cut[k] else value[k + 1]
            result[t] += weight * (reward[k] + gamma * following - value[k])
            if terminated[k] or cut[k]:
                break
            weight *= gamma * lam
    return result


def draw_steps(rng, steps, ends):
    terminated = rng.random(steps) < ends / 2
    cut = ~terminated & (rng.random(steps) < ends / 2)
    cut[-1] = not terminated[-1]
    return (*rng.normal(size=(3, steps)), terminated, cut)


@pytest.mark.parametrize("ends", [0.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 64, 257])
@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0)])
def test_advantages_equal_the_definition(rng, steps, ends, gamma, lam):
    given = draw_steps(rng, steps, ends)
    np.testing.assert_allclose(advantages(*given, gamma, lam), brute_force(*given, gamma, lam), rtol=1e-10, atol=1e-10)


def test_next_episode_changes_nothing_before_its_beginning(rng):
    given = draw_steps(rng, 50, 0.1)
    given[3][19], given[4][19] = False, True
    before = advantages(*given, 0.99, 0.95)[:20]
    for column in given[:3]:
        column[20:] = 1e6
    np.testing.assert_array_equal(advantages(*given, 0.99, 0.95)[:20], before)


def test_truncated_step_bootstraps_and_terminated_step_does_not():
    ones, none, all_ = np.ones(1), np.array([False]), np.array([True])
    assert advantages(ones, ones, 10 * ones, none, all_, 0.5, 0.9) == pytest.approx(1 + 0.5 * 10 - 1)
    assert advantages(ones, ones, 10 * ones, all_, none, 0.5, 0.9) == pytest.approx(0)


def test_value_given_for_a_step_that_is_not_cut_does_not_matter(rng):
    reward, value, next_value, terminated, cut = draw_steps(rng, 40, 0.1)
    changed = np.where(cut, next_value, 1e9)
    one, other = (advantages(reward, value, n, terminated, cut, 0.9, 0.9) for n in (next_value, changed))
    np.testing.assert_array_equal(one, other)


def test_float32_input_is_summed_in_float64(rng):
    given = draw_steps(rng, 2048, 0.001)
    single = [column.astype(np.float32) if column.dtype == np.float64 else column for column in given]
    exact = [column.astype(np.float64) if column.dtype == np.float32 else column for column in single]
    np.testing.assert_allclose(advantages(*single, 0.999, 0.98), brute_force(*exact, 0.999, 0.98), rtol=1e-9, atol=1e-9)


def test_sums_do_not_change_their_input(rng):
    x, factor = rng.normal(size=9), np.full(9, 0.5)
    kept = x.copy(), factor.copy()
    discounted_sums(x, factor)
    np.testing.assert_array_equal((x, factor), kept)


def test_sixteen_environments_of_2048_steps_take_milliseconds(rng):
    """The promise is 2 ms; here only that it is not a loop over steps, whatever else the machine does."""
    given = draw_steps(rng, 16 * 2048, 0.005)
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        advantages(*given, 0.99, 0.95)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.01
