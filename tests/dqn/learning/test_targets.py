"""Bootstrap actions and dueling streams against loops over rows."""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.learning.targets import atoms_of, bootstrap_actions
from soulsai_dqn.networks.layers import dueling

number = st.floats(-5, 5, width=32)


@st.composite
def values_and_masks(draw):
    rows = draw(st.integers(1, 5))
    actions = draw(st.integers(1, 4))
    table = st.lists(number, min_size=actions, max_size=actions, unique=True)
    mask = st.lists(st.booleans(), min_size=actions, max_size=actions)
    return [draw(table) for _ in range(rows)], [draw(mask) for _ in range(rows)]


@given(values_and_masks())
def test_each_row_bootstraps_from_its_best_valid_action(drawn):
    """In a row without a valid action all are valid; the other rows are not changed by that."""
    values, masks = drawn
    chosen = bootstrap_actions(torch.tensor(values), torch.tensor(masks))
    assert chosen.shape == (len(values), 1)
    for row, mask, action in zip(values, masks, chosen[:, 0].tolist(), strict=True):
        usable = [value for value, valid in zip(row, mask, strict=True) if valid] or row
        assert row[action] == max(usable)
        assert mask[action] or not any(mask)


@given(values_and_masks())
def test_without_mask_the_best_action_is_bootstrapped_from(drawn):
    values = torch.tensor(drawn[0])
    assert bootstrap_actions(values, None)[:, 0].tolist() == [row.index(max(row)) for row in drawn[0]]


def test_double_q_target_takes_the_action_of_one_network_and_the_value_of_the_other():
    online = torch.tensor([[1.0, 2.0], [4.0, 3.0]])
    target = torch.tensor([[10.0, 20.0], [30.0, 40.0]])
    assert atoms_of(target.unsqueeze(2), bootstrap_actions(online, None)).tolist() == [[20.0], [30.0]]


def test_atoms_of_an_action_are_those_of_its_row():
    atoms = torch.arange(12.0).view(2, 3, 2)
    assert atoms_of(atoms, torch.tensor([[2], [0]])).tolist() == [[4, 5], [6, 7]]


def test_dueling_streams_are_value_plus_mean_subtracted_advantages():
    streams = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    atoms = dueling(streams)
    for row, action, k in product(range(5), range(3), range(3)):
        advantages = streams[row, :3, k]
        expected = streams[row, 3, k] + advantages[action] - advantages.mean()
        assert atoms[row, action, k].item() == pytest.approx(expected.item(), abs=1e-6)
    torch.testing.assert_close(atoms.mean(1), streams[:, 3])
