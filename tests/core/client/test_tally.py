"""Returns and lengths of the episodes of each environment."""

import math

import numpy as np
import pytest

from soulsai_core.client.tally import EpisodeTally
from soulsai_core.messages import Step


def step(rewards, ended=(), *, truncated=(), valid=None, metrics=None):
    rows = range(len(rewards))
    flags = [np.array([row in group for row in rows]) for group in (ended, truncated)]
    valid = None if valid is None else np.array(valid)
    return Step({}, np.array(rewards, np.float32), *flags, valid=valid, metrics=metrics or {})


@pytest.fixture
def tally(clock):
    return EpisodeTally("pc", clock)


def nothing():
    return {}


def add(tally, step, iteration, extra):
    """Count a step; the episodes that ended with it."""
    tally.add(step)
    return tally.ends(step, iteration, extra)


def test_rewards_and_steps_of_each_row_are_added_up(tally, clock):
    tally.begin(2)
    for rewards in ((1, 10), (2, 20)):
        assert add(tally, step(rewards), 3, nothing) == []
        clock.now += 5
    [episode] = add(tally, step((4, 40), ended=[0]), 7, lambda: {"epsilon": 0.25})
    assert (episode.id, episode.client, episode.total_reward, episode.length) == ("pc-1", "pc", 7.0, 3)
    assert (episode.iteration, episode.seconds, episode.complete) == (7, 10.0, True)
    assert episode.metrics == {"epsilon": 0.25}
    [episode] = add(tally, step((0, 1), truncated=[1]), 7, nothing)
    assert (episode.id, episode.total_reward, episode.length) == ("pc-2", 71.0, 4)


def test_next_episode_of_a_row_starts_from_zero(tally, clock):
    tally.begin(1)
    add(tally, step([5], ended=[0], metrics={0: {"hits": 3.0}}), 0, nothing)
    clock.now += 2
    [episode] = add(tally, step([1], ended=[0]), 0, nothing)
    assert (episode.total_reward, episode.length, episode.seconds, episode.metrics) == (1.0, 1, 2.0, {})


def test_step_of_one_environment_that_only_resets_it_counts_nothing(tally):
    tally.begin(1)
    add(tally, step([1], ended=[0]), 0, nothing)
    assert add(tally, step([9], valid=[False]), 0, nothing) == []
    [episode] = add(tally, step([2], truncated=[0]), 0, nothing)
    assert (episode.total_reward, episode.length) == (2.0, 1)


def test_step_that_only_resets_a_row_counts_nothing(tally):
    tally.begin(2)
    add(tally, step([1, 1], valid=[True, False]), 0, nothing)
    episodes = add(tally, step([1, 1], ended=[0, 1]), 0, nothing)
    assert [(e.total_reward, e.length) for e in episodes] == [(2.0, 2), (1.0, 1)]


def test_last_value_of_each_metric_goes_with_the_episode_of_its_row(tally):
    tally.begin(2)
    add(tally, step([0, 0], metrics={0: {"hits": 1.0, "kept": 5.0}, 1: {"hits": 9.0}}), 0, nothing)
    [episode] = add(tally, step([0, 0], ended=[0], metrics={0: {"hits": 2.0}}), 0, nothing)
    assert episode.metrics == {"hits": 2.0, "kept": 5.0}


def test_abandoned_episodes_are_incomplete_and_those_that_had_not_begun_are_not_reported(tally):
    tally.begin(3)
    add(tally, step([1, 2, 3], ended=[2]), 0, nothing)
    episodes = tally.abandon(4)
    assert [(e.id, e.total_reward, e.complete, e.iteration) for e in episodes] == [
        ("pc-2", 1.0, False, 4),
        ("pc-3", 2.0, False, 4),
    ]
    assert tally.abandon(4) == []
    assert tally.finished == 3


@pytest.mark.parametrize("reward", [math.nan, math.inf, 1e30])
def test_return_that_is_not_a_number_makes_the_episode_incomplete(tally, reward):
    tally.begin(1)
    [episode] = add(tally, step([reward], ended=[0]), 0, nothing)
    assert (episode.complete, episode.total_reward) == (False, 0.0)


def test_metrics_that_are_not_numbers_are_left_out_and_the_episode_is_reported(tally):
    tally.begin(1)
    [episode] = add(
        tally, step([1], ended=[0], metrics={0: {"a": math.nan, "b": 1.0, "d": 1e308}}), 0, lambda: {"c": math.inf}
    )
    assert episode.complete and episode.metrics == {"b": 1.0}
