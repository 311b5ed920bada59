"""Exploration: the schedule, and masks that always hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.config import DQNConfig, EpsilonConfig, LadderConfig
from soulsai_dqn.exploration import (
    Explorer,
    boltzmann_action,
    client_start,
    greedy_action,
    ladder_epsilon,
    ladder_place,
    random_action,
    scheduled,
)

masks = st.lists(st.booleans(), min_size=1, max_size=6).map(lambda valid: np.array(valid, np.bool_))


@pytest.mark.parametrize(("env_steps", "epsilon"), [(0, 1.0), (50, 0.55), (100, 0.1), (10**9, 0.1)])
def test_epsilon_falls_linearly_and_stays(env_steps, epsilon):
    assert scheduled(EpsilonConfig(start=1.0, end=0.1, steps=100), env_steps) == pytest.approx(epsilon)


@given(st.floats(0, 1), st.floats(0, 1))
def test_epsilon_begins_and_ends_exactly_as_set(start, end):
    config = EpsilonConfig(start=start, end=end, steps=10)
    assert (scheduled(config, 0), scheduled(config, 10)) == (start, end)


@given(masks, st.integers(0, 2**32 - 1))
def test_random_action_is_valid(mask, seed):
    action = random_action(np.random.default_rng(seed), mask, len(mask))
    assert mask[action] or not mask.any()
    assert 0 <= action < len(mask)


@given(masks, st.data())
def test_greedy_action_is_the_best_valid_one(mask, data):
    values = np.array(data.draw(st.lists(st.floats(-9, 9), min_size=len(mask), max_size=len(mask))))
    action = greedy_action(values, mask)
    usable = values[mask] if mask.any() else values
    assert values[action] == usable.max()
    assert mask[action] or not mask.any()


@pytest.mark.parametrize("mask", [None, np.array([True, False, True]), np.zeros(3, np.bool_)])
def test_random_actions_are_uniform_over_the_valid_ones(mask, rng):
    counts = np.bincount([random_action(rng, mask, 3) for _ in range(6000)], minlength=3)
    valid = np.ones(3, np.bool_) if mask is None or not mask.any() else mask
    np.testing.assert_allclose(counts / 6000, valid / valid.sum(), atol=0.03)


def test_greedy_action_leaves_the_values_alone():
    values = np.array([1.0, 2.0])
    assert greedy_action(values, np.array([True, False])) == 0
    assert values.tolist() == [1.0, 2.0]


def test_ladder_is_the_one_of_the_paper():
    """Of 8 actors, actor i has 0.4 ** (1 + 7 i / 7)."""
    assert [ladder_epsilon(LadderConfig(), i / 7) for i in range(8)] == pytest.approx(
        [0.4 ** (1 + i) for i in range(8)]
    )


@given(st.floats(0, 1, exclude_max=True), st.integers(2, 64))
def test_environments_of_a_client_leave_no_part_of_the_ladder_empty(start, environments):
    places = np.sort([ladder_place(start, environment) for environment in range(environments)])
    gaps = np.diff([*places, places[0] + 1])
    assert gaps.max() < 3.5 / environments


@given(st.integers(1, 64))
def test_clients_leave_no_part_of_the_ladder_empty(clients):
    places = np.sort([client_start(number) for number in range(clients)])
    gaps = np.diff([*places, places[0] + 1])
    assert gaps.max() < 2.7 / clients and gaps.min() > 0.38 / clients - 1e-9


@given(st.integers(2, 12), st.integers(1, 8))
def test_no_two_environments_of_any_clients_share_a_place(clients, environments):
    places = [ladder_place(client_start(c), e) for c in range(clients) for e in range(environments)]
    assert len(np.unique(np.round(places, 6))) == clients * environments


def test_few_clients_stand_far_apart():
    """A single one in the middle."""
    assert [round(client_start(number), 2) for number in range(4)] == [0.5, 0.12, 0.74, 0.35]


def test_client_keeps_its_place_once_it_was_told(rng):
    explorer = Explorer(DQNConfig(exploration="ladder"), rng)
    explorer.placed(2)
    explorer.follow(10)
    assert explorer.epsilon == ladder_epsilon(LadderConfig(), client_start(2))


def test_place_on_the_ladder_stays_whoever_comes_and_goes(rng):
    explorer = Explorer(DQNConfig(exploration="ladder"), rng)
    before = [explorer.share(row) for row in range(4)]
    explorer.follow(10**6)
    assert [explorer.share(row) for row in range(4)] == before and len(set(before)) == 4


def test_boltzmann_actions_are_in_proportion_to_the_exponential(rng):
    values = np.array([0.0, 1.0, 2.0])
    counts = np.bincount([boltzmann_action(rng, values, 0.8, None) for _ in range(8000)], minlength=3)
    expected = np.exp(values / 0.8)
    np.testing.assert_allclose(counts / 8000, expected / expected.sum(), atol=0.02)


@given(masks, st.integers(0, 2**32 - 1))
def test_boltzmann_action_is_valid(mask, seed):
    action = boltzmann_action(np.random.default_rng(seed), np.zeros(len(mask)), 1.0, mask)
    assert mask[action] or not mask.any()


@pytest.mark.parametrize("kind", ["epsilon", "ladder", "boltzmann"])
def test_explorer_reports_what_it_follows(kind, rng):
    explorer = Explorer(DQNConfig(exploration=kind), rng)
    assert list(explorer.metrics()) == (["temperature"] if kind == "boltzmann" else ["epsilon"])
