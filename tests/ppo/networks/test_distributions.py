"""Distributions against torch.distributions, and their derivatives against automatic ones."""

import numpy as np
import pytest
import torch
from torch import distributions as reference

from soulsai_core import Continuous, Discrete, EnvSpec, MultiDiscrete, SpaceError
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.networks.distributions import (
    Categorical,
    Gaussian,
    MultiCategorical,
    SquashedGaussian,
    distribution_for,
)

ROWS = 40
BOX = Continuous((2,), (-1.0, 0.0), (1.0, 5.0))
EMPTY = np.zeros(0)


def torch_parameters(head, log_std):
    return torch.tensor(head, requires_grad=True), torch.tensor(log_std, requires_grad=True)


def assert_equal(distribution, given, expect, raw, head, log_std, masks=None, rng=None):
    """Likelihood and both derivatives, weighted at random, are those of `expect(head, log_std)`."""
    found = distribution.evaluate(head, log_std, raw, masks)
    head_t, log_std_t = torch_parameters(head, log_std)
    log_prob, entropy = expect(head_t, log_std_t)
    np.testing.assert_allclose(found.log_prob, log_prob.detach().numpy(), atol=1e-9)
    np.testing.assert_allclose(found.entropy, entropy.detach().numpy(), atol=1e-9)
    by_log_prob, by_entropy = given.normal(size=(2, len(raw)))
    (log_prob @ torch.tensor(by_log_prob) + entropy @ torch.tensor(by_entropy)).backward()
    by_head, by_log_std = distribution.gradient(found, by_log_prob, by_entropy)
    np.testing.assert_allclose(by_head, head_t.grad.numpy(), atol=1e-9)
    if log_std_t.grad is not None:
        np.testing.assert_allclose(by_log_std, log_std_t.grad.numpy(), atol=1e-9)


def test_categorical_equals_torch(rng):
    head = rng.normal(size=(ROWS, 5))
    raw = rng.integers(5, size=ROWS)

    def expect(logits, _):
        one = reference.Categorical(logits=logits)
        return one.log_prob(torch.tensor(raw)), one.entropy()

    assert_equal(Categorical(5), rng, expect, raw, head, EMPTY)


def test_masked_categorical_equals_torch_over_the_valid_actions(rng):
    head = rng.normal(size=(ROWS, 5))
    masks = rng.random((ROWS, 5)) < 0.6
    masks[:, 2] = True
    raw = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])

    def expect(logits, _):
        one = reference.Categorical(logits=logits.masked_fill(~torch.tensor(masks), -1e9))
        return one.log_prob(torch.tensor(raw)), one.entropy()

    assert_equal(Categorical(5), rng, expect, raw, head, EMPTY, masks)


def test_row_whose_actions_are_all_masked_counts_as_unmasked(rng):
    head = rng.normal(size=(2, 3))
    masks = np.array([[False, False, False], [True, False, True]])
    plain = Categorical(3).evaluate(head, EMPTY, np.array([1, 0]), None)
    masked = Categorical(3).evaluate(head, EMPTY, np.array([1, 0]), masks)
    assert masked.log_prob[0] == plain.log_prob[0] and masked.log_prob[1] > plain.log_prob[1]


def test_multi_categorical_equals_torch(rng):
    nvec = (2, 4, 3)
    head = rng.normal(size=(ROWS, sum(nvec)))
    raw = rng.integers(nvec, size=(ROWS, 3))

    def expect(logits, _):
        parts = [reference.Categorical(logits=part) for part in logits.split(nvec, dim=1)]
        log_prob = sum(part.log_prob(torch.tensor(raw[:, i])) for i, part in enumerate(parts))
        return log_prob, sum(part.entropy() for part in parts)

    assert_equal(MultiCategorical(nvec), rng, expect, raw, head, EMPTY)


def test_gaussian_equals_torch(rng):
    head = rng.normal(size=(ROWS, 2))
    log_std = rng.normal(size=2)
    raw = rng.normal(size=(ROWS, 2))

    def expect(mean, log_std):
        one = reference.Independent(reference.Normal(mean, log_std.exp().expand(ROWS, 2)), 1)
        return one.log_prob(torch.tensor(raw)), one.entropy()

    assert_equal(Gaussian(BOX), rng, expect, raw, head, log_std)


def squashed_reference(mean, log_std):
    normal = reference.Normal(mean, log_std.exp().expand_as(mean))
    to_bounds = reference.AffineTransform(torch.tensor([0.0, 2.5]).double(), torch.tensor([1.0, 2.5]).double())
    return reference.Independent(
        reference.TransformedDistribution(normal, [reference.TanhTransform(cache_size=1), to_bounds]), 1
    )


def test_squashed_gaussian_equals_torch(rng):
    head = rng.normal(size=(ROWS, 2))
    log_std = 0.3 * rng.normal(size=2)
    raw = rng.normal(size=(ROWS, 2))
    noise = torch.tensor((raw - head) * np.exp(-log_std))
    stretched = torch.tensor([0.0, 2.5]) + torch.tensor([1.0, 2.5]) * torch.tensor(raw).tanh()

    def expect(mean, log_std):
        one = squashed_reference(mean, log_std)
        drawn = mean + log_std.exp() * noise
        jacobian = (torch.tensor([1.0, 2.5]) * (1 - drawn.tanh().square())).log().sum(dim=1)
        normal = reference.Independent(reference.Normal(mean, log_std.exp().expand_as(mean)), 1)
        return one.log_prob(stretched), normal.entropy() + jacobian

    assert_equal(SquashedGaussian(BOX), rng, expect, raw, head, log_std)


def test_entropy_of_the_squashed_gaussian_is_right_on_average(rng):
    count = 200_000
    head = np.tile([0.3, -0.5], (count, 1))
    log_std = np.array([-0.2, 0.1])
    distribution = SquashedGaussian(BOX)
    raw = distribution.sample(head, log_std, None, rng)
    found = distribution.evaluate(head, log_std, raw, None)
    assert found.entropy.mean() == pytest.approx(-found.log_prob.mean(), abs=0.02)


def test_squashed_likelihood_is_finite_for_large_raw_actions():
    raw = np.array([[40.0, -40.0]], np.float32)
    found = SquashedGaussian(BOX).evaluate(np.zeros((1, 2), np.float32), np.zeros(2, np.float32), raw, None)
    assert np.isfinite(found.log_prob).all() and np.isfinite(found.entropy).all()


def test_action_with_equal_bounds_leaves_the_likelihood_of_the_others_finite():
    distribution = SquashedGaussian(Continuous((2,), (-1.0, 0.5), (1.0, 0.5)))
    raw = np.zeros((3, 2), np.float32)
    found = distribution.evaluate(raw, np.zeros(2, np.float32), raw, None)
    assert np.isfinite(found.log_prob).all() and np.isfinite(found.entropy).all()
    assert (distribution.executed(raw + 1)[:, 1] == 0.5).all()


def test_samples_have_the_probabilities_of_the_softmax(rng):
    head = np.tile(np.log([0.1, 0.2, 0.7]), (50_000, 1))
    drawn = Categorical(3).sample(head, EMPTY, None, rng)
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / len(drawn), [0.1, 0.2, 0.7], atol=0.01)


def test_masked_actions_are_never_drawn(rng):
    masks = rng.random((20_000, 4)) < 0.4
    masks[np.arange(len(masks)), rng.integers(4, size=len(masks))] = True
    for scale in (1, 30):
        head = (scale * rng.normal(size=masks.shape)).astype(np.float32)
        drawn = Categorical(4).sample(head, EMPTY, masks, rng)
        assert masks[np.arange(len(masks)), drawn].all()


@pytest.mark.parametrize("kind", [Gaussian, SquashedGaussian])
def test_executed_actions_lie_within_the_bounds_and_have_their_shape(rng, kind):
    box = Continuous((2, 2), (-1.0,) * 4, (2.0,) * 4)
    executed = kind(box).executed(100 * rng.normal(size=(ROWS, 4)).astype(np.float32))
    assert executed.shape == (ROWS, 2, 2) and executed.dtype == np.float32
    assert executed.min() >= -1 and executed.max() <= 2


def test_unbounded_actions_are_executed_as_drawn(rng):
    raw = 100 * rng.normal(size=(ROWS, 1)).astype(np.float32)
    np.testing.assert_array_equal(Gaussian(Continuous((1,), (None,), (None,))).executed(raw), raw)


def test_squashing_of_unbounded_actions_is_refused():
    spec = EnvSpec("free", {}, Continuous((1,), (None,), (1.0,)))
    with pytest.raises(SpaceError, match=r"free has unbounded actions.*squash to false"):
        distribution_for(spec, PPOConfig(squash=True))


@pytest.mark.parametrize(
    ("action", "squash", "kind"),
    [
        (Discrete(2), False, Categorical),
        (Discrete(2), True, Categorical),
        (MultiDiscrete((2, 2)), False, MultiCategorical),
        (BOX, False, Gaussian),
        (BOX, True, SquashedGaussian),
    ],
)
def test_distribution_fits_the_action_space(action, squash, kind):
    assert type(distribution_for(EnvSpec("any", {}, action), PPOConfig(squash=squash))) is kind


def test_mode_is_the_most_likely_valid_action(rng):
    masks = np.array([[True, True, False], [False, False, True], [False, False, False]])
    head = np.tile([1.0, 2.0, 3.0], (3, 1))
    np.testing.assert_array_equal(Categorical(3).mode(head, masks), [1, 2, 2])
    np.testing.assert_array_equal(MultiCategorical((2, 3)).mode(np.array([[0, 1, 5, 4, 6]]), None), [[1, 2]])
    np.testing.assert_array_equal(Gaussian(BOX).mode(head[:, :2], None), head[:, :2])
