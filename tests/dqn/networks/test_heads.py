"""Heads against definitions in float64, a row and an atom at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dqn_settings import plain
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.networks.heads import CategoricalHead, QuantileHead, ScalarHead, make_head

CPU = torch.device("cpu")
number = st.floats(-5, 5, width=32)
HEADS = {
    "huber": ScalarHead("huber"),
    "mse": ScalarHead("mse"),
    "quantile": QuantileHead(5, CPU),
    "categorical": CategoricalHead(6, -2.0, 3.0, CPU),
}


def rows(head, n=9, seed=0):
    """Random atoms, rewards, discounts and following atoms."""
    generator = torch.Generator().manual_seed(seed)
    chosen, following = (2 * torch.randn(n, head.atoms, generator=generator) for _ in range(2))
    reward = torch.randn(n, generator=generator)
    discount = torch.rand(n, generator=generator)
    discount[::3] = 0
    return chosen, reward, discount, following


def quantile_huber(predicted, target):
    """Dabney et al. 2018, equation 10, with the midpoint on the axis of the predicted quantiles."""
    total = 0.0
    count = len(predicted)
    for i, theta in enumerate(predicted):
        tau = (i + 0.5) / count
        for goal in target:
            u = goal - theta
            huber = 0.5 * u * u if abs(u) <= 1 else abs(u) - 0.5
            total += abs(tau - (u < 0)) * huber / len(target)
    return total


def projection(support, probabilities, reward, discount):
    """Bellemare et al. 2017, algorithm 1."""
    low = support[0]
    high = support[-1]
    count = len(support)
    step = (high - low) / (count - 1)
    projected = np.zeros(count)
    for j in range(count):
        value = min(max(reward + discount * support[j], low), high)
        b = (value - low) / step
        lower = int(np.floor(b))
        upper = int(np.ceil(b))
        if lower == upper:
            projected[lower] += probabilities[j]
        else:
            projected[lower] += probabilities[j] * (upper - b)
            projected[upper] += probabilities[j] * (b - lower)
    return projected


@given(st.lists(st.tuples(number, number), min_size=1, max_size=8))
def test_scalar_losses_are_half_the_square_and_huber_with_threshold_1(pairs):
    chosen, target = (torch.tensor([[pair[i]] for pair in pairs]) for i in (0, 1))
    errors = [abs(a - b) for a, b in pairs]
    huber = [0.5 * e * e if e <= 1 else e - 0.5 for e in errors]
    assert HEADS["huber"].loss(chosen, target).tolist() == pytest.approx(huber, rel=1e-5, abs=1e-6)
    assert HEADS["mse"].loss(chosen, target).tolist() == pytest.approx([e * e / 2 for e in errors], rel=1e-5, abs=1e-6)


def test_quantile_loss_is_its_definition():
    chosen, _, _, target = rows(HEADS["quantile"])
    expected = [quantile_huber(*pair) for pair in zip(chosen.double().numpy(), target.double().numpy(), strict=True)]
    np.testing.assert_allclose(HEADS["quantile"].loss(chosen, target).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_categorical_target_is_the_projection_of_the_paper(scale):
    head = HEADS["categorical"]
    _, reward, discount, following = rows(head, 20)
    given_out = head.target(reward * scale, discount, following).numpy()
    support = np.linspace(-2, 3, 6)
    probabilities = torch.softmax(following.double(), 1).numpy()
    for i in range(20):
        expected = projection(support, probabilities[i], float(reward[i]) * scale, float(discount[i]))
        np.testing.assert_allclose(given_out[i], expected, atol=1e-5)
    np.testing.assert_allclose(given_out.sum(1), 1, atol=1e-5)


def test_probability_of_a_value_on_the_support_is_not_split():
    """With the paper's own two products, whose indices are equal then, it would be lost."""
    target = HEADS["categorical"].target(torch.tensor([1.0]), torch.tensor([0.0]), torch.zeros(1, 6))
    np.testing.assert_allclose(target.numpy(), [[0, 0, 0, 1, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("name", HEADS)
def test_slope_is_the_derivative_of_the_loss(name):
    head = HEADS[name]
    chosen, reward, discount, following = rows(head, 30)
    chosen.requires_grad_()
    target = head.target(reward, discount, following)
    head.loss(chosen, target).sum().backward()
    torch.testing.assert_close(head.slope(chosen.detach(), target), chosen.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["huber", "quantile"])
def test_target_moves_and_shrinks_every_atom(name):
    head = HEADS[name]
    _, reward, discount, following = rows(head)
    expected = reward.numpy()[:, None] + discount.numpy()[:, None] * following.numpy()
    np.testing.assert_allclose(head.target(reward, discount, following).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_target_of_a_terminated_row_is_the_reward():
    zero = torch.zeros(1)
    for head in HEADS.values():
        target = head.target(torch.tensor([1.5]), zero, 100 * torch.ones(1, head.atoms))
        assert head.target_values(target).item() == pytest.approx(1.5, abs=1e-5)


def test_expected_values():
    assert ScalarHead("mse").values(torch.tensor([[[1.0], [2.0]]])).tolist() == [[1, 2]]
    assert QuantileHead(2, CPU).values(torch.tensor([[[1.0, 2.0], [3.0, 5.0]]])).tolist() == [[1.5, 4.0]]
    categorical = CategoricalHead(3, 0.0, 2.0, CPU)
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]]]).log()
    assert categorical.values(logits).tolist()[0] == pytest.approx([0.75, 2.0])


def fitted(head, steps, rate):
    """Atoms of one state after learning from a fair coin that pays +10 or -10."""
    atoms = torch.zeros(1, head.atoms, requires_grad=True)
    optimizer = torch.optim.Adam([atoms], rate)
    flips = torch.Generator().manual_seed(0)
    for _ in range(steps):
        coin = 20.0 * torch.randint(0, 2, (64,), generator=flips) - 10.0
        target = head.target(coin, torch.zeros(64), torch.zeros(64, head.atoms))
        optimizer.zero_grad()
        head.loss(atoms.expand(64, -1), target).mean().backward()
        optimizer.step()
    return atoms.detach()[0]


def test_quantiles_of_a_coin_flip_spread_from_minus_ten_to_ten():
    """With the midpoints on the wrong axis they all collapse to one value."""
    atoms = fitted(QuantileHead(8, CPU), 800, 0.1)
    assert atoms.min() == pytest.approx(-10, abs=0.7) and atoms.max() == pytest.approx(10, abs=0.7)
    assert (atoms.abs() > 8).all()


def test_distribution_of_a_coin_flip_has_two_peaks():
    probabilities = fitted(CategoricalHead(21, -10.0, 10.0, CPU), 400, 0.1).softmax(0)
    assert probabilities[[0, -1]].tolist() == pytest.approx([0.5, 0.5], abs=0.06)


def test_settings_choose_the_head():
    kinds = {name: type(make_head(plain(head=name))) for name in ("scalar", "quantile", "categorical")}
    assert kinds == {"scalar": ScalarHead, "quantile": QuantileHead, "categorical": CategoricalHead}
    assert make_head(plain(head="quantile", atoms=9)).atoms == 9
