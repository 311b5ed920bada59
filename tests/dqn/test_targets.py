"""Targets and losses against loops over rows."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.targets import bootstrap_actions, q_target, td_loss

number = st.floats(-5, 5, width=32)


@st.composite
def values_and_masks(draw):
    rows, actions = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    table = st.lists(number, min_size=actions, max_size=actions, unique=True)
    mask = st.lists(st.booleans(), min_size=actions, max_size=actions)
    return [draw(table) for _ in range(rows)], [draw(mask) for _ in range(rows)]


@given(values_and_masks())
def test_each_row_bootstraps_from_its_best_valid_action(drawn):
    """All actions are, in a row whose mask has none; that row does not disturb the others."""
    values, masks = drawn
    chosen = bootstrap_actions(torch.tensor(values), torch.tensor(masks))
    assert chosen.shape == (len(values), 1)
    for row, mask, action in zip(values, masks, chosen[:, 0].tolist(), strict=True):
        usable = [value for value, valid in zip(row, mask, strict=True) if valid] or row
        assert row[action] == max(usable)
        assert mask[action] or not any(mask)


@given(values_and_masks())
def test_without_mask_the_best_action_counts(drawn):
    values = torch.tensor(drawn[0])
    assert bootstrap_actions(values, None)[:, 0].tolist() == [row.index(max(row)) for row in drawn[0]]


def test_double_q_target_takes_the_action_of_one_network_and_the_value_of_the_other():
    online, target = torch.tensor([[1.0, 2.0], [4.0, 3.0]]), torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    reward, discount = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.0])
    assert q_target(reward, discount, target, bootstrap_actions(online, None)).tolist() == [11.0, 2.0]
    assert q_target(reward, discount, target, bootstrap_actions(target, None)).tolist() == [11.0, 2.0]


@given(st.lists(st.tuples(number, number), min_size=1, max_size=8))
def test_loss_is_the_mean_over_rows(pairs):
    chosen, target = torch.tensor([a for a, _ in pairs]), torch.tensor([b for _, b in pairs])
    errors = [abs(a - b) for a, b in pairs]
    huber = math.fsum(0.5 * e * e if e <= 1 else e - 0.5 for e in errors) / len(pairs)
    squared = math.fsum(0.5 * e * e for e in errors) / len(pairs)
    assert td_loss(chosen, target, "huber").item() == pytest.approx(huber, rel=1e-5, abs=1e-6)
    assert td_loss(chosen, target, "mse").item() == pytest.approx(squared, rel=1e-5, abs=1e-6)
