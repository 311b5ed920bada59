"""The scale that shrinks large values, against the formulas of the papers."""

import numpy as np
import pytest
import torch
from dqn_settings import plain
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.learning.buffer import one_step_errors
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.rescaling import rescaled, unrescaled

EPSILONS = st.sampled_from([0.0, 1e-3, 1e-2, 1.0])


def h(x, epsilon):
    """Pohlen et al. 2018, section 3.2."""
    return np.sign(x) * (np.sqrt(np.abs(x) + 1) - 1) + epsilon * x


def inverse(x, epsilon):
    """Pohlen et al. 2018, proposition A.2."""
    root = (np.sqrt(1 + 4 * epsilon * (np.abs(x) + 1 + epsilon)) - 1) / (2 * epsilon)
    return np.sign(x) * (root**2 - 1)


@given(st.floats(-1e6, 1e6), EPSILONS)
def test_rescaled_is_the_formula_of_the_paper(x, epsilon):
    assert rescaled(x, epsilon) == pytest.approx(h(x, epsilon), rel=1e-9, abs=1e-9)


@given(st.floats(-1e4, 1e4), st.sampled_from([1e-3, 1e-2, 1.0]))
def test_unrescaled_is_the_formula_of_the_paper(x, epsilon):
    assert unrescaled(x, epsilon) == pytest.approx(inverse(x, epsilon), rel=1e-6, abs=1e-6)


@given(st.floats(-1e6, 1e6), EPSILONS)
def test_each_undoes_the_other(x, epsilon):
    assert unrescaled(rescaled(x, epsilon), epsilon) == pytest.approx(x, rel=1e-9, abs=1e-12)


@given(st.floats(-1e4, 1e4, width=32), EPSILONS)
def test_single_precision_loses_little_also_near_zero(x, epsilon):
    there = rescaled(torch.tensor([x], dtype=torch.float32), epsilon)
    assert unrescaled(there, epsilon).item() == pytest.approx(x, rel=1e-4, abs=1e-30)
    assert rescaled(np.float32([x]), epsilon).dtype == np.float32


def test_without_epsilon_nothing_changes():
    assert rescaled(7.0, None) == unrescaled(7.0, None) == 7.0


@pytest.mark.parametrize("kind", ["scalar", "quantile"])
def test_target_is_the_one_of_the_paper(kind, rng):
    """h(r + gamma h^-1(Q)), for each quantile alone, since h keeps their order."""
    head = make_head(plain(head=kind, atoms=5, value_rescaling=1e-3))
    reward = rng.normal(size=6) * 50
    discount = np.array([0.0, 0.9, 0.5, 1.0, 0.99, 0.9])
    following = rng.normal(size=(6, head.atoms)) * 5
    expected = h(reward[:, None] + discount[:, None] * inverse(following, 1e-3), 1e-3)
    target = head.target(*(torch.tensor(a, dtype=torch.float32) for a in (reward, discount, following)))
    np.testing.assert_allclose(target.numpy(), expected, rtol=1e-4)


def test_categorical_target_moves_the_support_on_its_scale():
    """All probability on one value of the support goes to h(r + gamma h^-1(value)), shared by its neighbors."""
    config = plain(head="categorical", atoms=21, value_low=-5, value_high=5, value_rescaling=1e-3)
    head = make_head(config)
    sure = torch.full((1, 21), -1e9)
    sure[0, 16] = 1e9  # the value 3
    target = head.target(torch.tensor([2.0]), torch.tensor([0.9]), sure)
    value = h(2 + 0.9 * inverse(3.0, 1e-3), 1e-3)
    assert head.target_values(target).item() == pytest.approx(value, rel=1e-4)
    assert (target > 1e-6).sum() == 2


def test_first_errors_are_on_the_same_scale():
    """They are computed from the values that actors send."""
    value = np.float32([6.0, 1.0])
    reward = np.float32([20.0, 3.0])
    discount = np.float32([0.9, 0.0])
    best = np.float32([8.0, 99.0])
    expected = [abs(h(20 + 0.9 * inverse(8.0, 1e-3), 1e-3) - 6.0), abs(h(3.0, 1e-3) - 1.0)]
    np.testing.assert_allclose(one_step_errors(value, reward, discount, best, 1e-3), expected, rtol=1e-5)
    assert one_step_errors(value, reward, discount, best, None).tolist() == pytest.approx([20 + 7.2 - 6, 2])
