"""Losses and their derivatives against plain torch."""

import numpy as np
import pytest
import torch

from soulsai_ppo.learning.losses import explained_variance, normalized, policy_loss, value_loss


def draw_rows(rng, rows=200):
    old = rng.normal(size=rows)
    return old + 0.5 * rng.normal(size=rows), old, rng.normal(size=rows)


def reference_policy_loss(log_prob, old, advantage, clip):
    ratio = (log_prob - old).exp()
    return torch.max(-advantage * ratio, -advantage * ratio.clamp(1 - clip, 1 + clip)).mean()


@pytest.mark.parametrize("clip", [0.05, 0.2, 10.0])
def test_policy_loss_and_its_derivative_equal_the_reference(rng, clip):
    rows = draw_rows(rng)
    log_prob, old, advantage = (torch.tensor(column) for column in rows)
    log_prob.requires_grad_()
    expected = reference_policy_loss(log_prob, old, advantage, clip)
    expected.backward()
    found = policy_loss(*rows, clip)
    assert found.loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(found.by_log_prob, log_prob.grad.numpy(), atol=1e-12)


def test_losses_in_float32_equal_the_reference_to_a_millionth(rng):
    rows = [column.astype(np.float32) for column in draw_rows(rng, 2048)]
    exact = [torch.tensor(column, dtype=torch.float64) for column in rows]
    assert policy_loss(*rows, 0.2).loss == pytest.approx(reference_policy_loss(*exact, 0.2).item(), abs=1e-6)
    loss, _ = value_loss(rows[0], rows[1], rows[2], None)
    assert loss == pytest.approx((0.5 * (exact[0] - exact[1]).square().mean()).item(), abs=1e-6)


def test_derivatives_keep_the_precision_of_their_input(rng):
    rows = [column.astype(np.float32) for column in draw_rows(rng)]
    assert policy_loss(*rows, 0.2).by_log_prob.dtype == np.float32
    assert value_loss(*rows, None)[1].dtype == value_loss(*rows, 0.2)[1].dtype == np.float32
    assert normalized(rows[0]).dtype == np.float32


def test_approximate_kl_and_clip_fraction(rng):
    log_prob, old, advantage = draw_rows(rng)
    found = policy_loss(log_prob, old, advantage, 0.2)
    ratio = np.exp(log_prob - old)
    assert found.approx_kl == pytest.approx(np.mean(ratio - 1 - np.log(ratio)))
    assert found.clip_fraction == pytest.approx(np.mean(np.abs(ratio - 1) > 0.2))
    same = policy_loss(old, old, advantage, 0.2)
    assert (same.approx_kl, same.clip_fraction) == (0, 0)


@pytest.mark.parametrize("clip", [None, 0.1, 0.5])
def test_value_loss_and_its_derivative_equal_the_reference(rng, clip):
    value, target, old = draw_rows(rng)
    tensor, goal, before = (torch.tensor(column) for column in (value, target, old))
    tensor.requires_grad_()
    squares = (tensor - goal).square()
    if clip is not None:
        squares = torch.max(squares, (before + (tensor - before).clamp(-clip, clip) - goal).square())
    expected = 0.5 * squares.mean()
    expected.backward()
    loss, by_value = value_loss(value, target, old, clip)
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    np.testing.assert_allclose(by_value, tensor.grad.numpy(), atol=1e-12)


def test_normalized_advantages_have_mean_0_and_deviation_1(rng):
    advantage = normalized(3 + 10 * rng.normal(size=50))
    assert advantage.mean() == pytest.approx(0, abs=1e-12)
    assert advantage.std(ddof=1) == pytest.approx(1, abs=1e-6)


def test_single_or_equal_advantages_become_0_and_not_nan():
    np.testing.assert_array_equal(normalized(np.array([5.0])), [0])
    np.testing.assert_array_equal(normalized(np.full(4, 5.0)), np.zeros(4))


def test_explained_variance_is_1_for_the_truth_and_0_for_constants(rng):
    target = rng.normal(size=100)
    assert explained_variance(target, target) == 1
    assert explained_variance(np.zeros(100), target) == pytest.approx(0)
    assert explained_variance(-target, target) < 0
    assert explained_variance(target, np.ones(100)) == 0
