"""Exploration: the schedule, and masks that always hold."""

import numpy as np
import pytest
from dqn_settings import plain
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.acting.exploration import (
    Explorer,
    boltzmann_actions,
    client_position,
    ladder_epsilon,
    ladder_positions,
    random_action,
)
from soulsai_dqn.config import LadderConfig

masks = st.lists(st.booleans(), min_size=1, max_size=6).map(lambda valid: np.array(valid, np.bool_))


@given(masks, st.integers(0, 2**32 - 1))
def test_random_action_is_valid(mask, seed):
    action = random_action(np.random.default_rng(seed), mask, len(mask))
    assert mask[action] or not mask.any()
    assert 0 <= action < len(mask)


@pytest.mark.parametrize("mask", [None, np.array([True, False, True]), np.zeros(3, np.bool_)])
def test_random_actions_are_uniform_over_the_valid_ones(mask, rng):
    counts = np.bincount([random_action(rng, mask, 3) for _ in range(6000)], minlength=3)
    valid = np.ones(3, np.bool_) if mask is None or not mask.any() else mask
    np.testing.assert_allclose(counts / 6000, valid / valid.sum(), atol=0.03)


def test_ladder_is_the_one_of_the_paper():
    """Of 8 actors, actor i has 0.4 ** (1 + 7 i / 7)."""
    assert [ladder_epsilon(LadderConfig(), i / 7) for i in range(8)] == pytest.approx(
        [0.4 ** (1 + i) for i in range(8)]
    )


@given(st.floats(0, 1, exclude_max=True), st.integers(2, 64))
def test_environments_of_a_client_are_spread_over_the_ladder(start, environments):
    positions = np.sort(ladder_positions(start, environments))
    gaps = np.diff([*positions, positions[0] + 1])
    assert gaps.max() < 3.5 / environments


@given(st.integers(1, 64))
def test_clients_are_spread_over_the_ladder(clients):
    positions = np.sort([client_position(number) for number in range(clients)])
    gaps = np.diff([*positions, positions[0] + 1])
    assert gaps.max() < 2.7 / clients and gaps.min() > 0.38 / clients - 1e-9


@given(st.integers(2, 12), st.integers(1, 8))
def test_no_two_environments_of_any_clients_share_a_position(clients, environments):
    positions = [ladder_positions(client_position(client), environments) for client in range(clients)]
    assert len(np.unique(np.round(positions, 6))) == clients * environments


def test_few_clients_have_distant_positions():
    """A single client is in the middle."""
    assert [round(client_position(number), 2) for number in range(4)] == [0.5, 0.12, 0.74, 0.35]


def test_each_environment_explores_by_its_own_epsilon(rng):
    explorer = Explorer(plain(exploration="ladder", ladder={"base": 0.9, "exponent": 20.0}), rng)
    explorer.index_assigned(0)
    values = np.tile([9.0, 0.0, 0.0], (4, 1))
    others = np.mean([explorer.actions(values, None) != 0 for _ in range(4000)], axis=0)
    np.testing.assert_allclose(others, explorer.epsilons(4) * 2 / 3, atol=0.03)
    assert np.ptp(explorer.epsilons(4)) > 0.3


def test_client_keeps_the_position_of_its_index(rng):
    explorer = Explorer(plain(exploration="ladder"), rng)
    explorer.index_assigned(2)
    explorer.advance(10)
    assert explorer.epsilon == ladder_epsilon(LadderConfig(), client_position(2))


def test_position_on_the_ladder_stays_the_same_without_an_index(rng):
    explorer = Explorer(plain(exploration="ladder"), rng)
    before = explorer.epsilons(4).tolist()
    explorer.advance(10**6)
    assert explorer.epsilons(4).tolist() == before and len(set(before)) == 4


def test_boltzmann_actions_are_in_proportion_to_the_exponential(rng):
    values = np.array([0.0, 1.0, 2.0])
    counts = np.bincount(boltzmann_actions(rng, np.tile(values, (8000, 1)), 0.8, None), minlength=3)
    expected = np.exp(values / 0.8)
    np.testing.assert_allclose(counts / 8000, expected / expected.sum(), atol=0.02)


@given(masks, st.integers(0, 2**32 - 1))
def test_boltzmann_action_is_valid(mask, seed):
    (action,) = boltzmann_actions(np.random.default_rng(seed), np.zeros((1, len(mask))), 1.0, mask[None])
    assert mask[action] or not mask.any()


@pytest.mark.parametrize("kind", ["epsilon", "ladder", "boltzmann"])
def test_explorer_reports_epsilon_or_temperature(kind, rng):
    explorer = Explorer(plain(exploration=kind), rng)
    assert list(explorer.metrics()) == (["temperature"] if kind == "boltzmann" else ["epsilon"])
