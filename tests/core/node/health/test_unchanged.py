"""Clients whose observations do not change."""

import numpy as np
import pytest

from soulsai_core.node.health.unchanged import _MAX_CLIENTS, UnchangedObservations
from soulsai_core.node.status.node_status import Unchanged
from soulsai_core.steps import End


@pytest.fixture
def unchanged():
    return UnchangedObservations({"observation"})


def test_rows_and_seconds_count_from_the_first_of_the_same_observation(unchanged, steps):
    for now, value in ((0.0, 1.0), (1.0, 2.0), (5.0, 2.0), (9.0, 2.0)):
        unchanged.received("pc", steps([0] * 10, value), now)
    assert unchanged.of("pc", 12.0) == Unchanged(20, 11.0, 1.0)
    assert unchanged.of("another", 12.0) == Unchanged()


def test_change_within_a_message_counts(unchanged, steps):
    for now in (0.0, 5.0):
        unchanged.received("pc", steps([0] * 10, 2.0), now)
    moving = np.full((10, 2), 2.0, np.float32)
    moving[5] = 3.0
    unchanged.received("pc", steps([0] * 10, observation=moving), 7.0)
    assert unchanged.of("pc", 8.0) == Unchanged(0, 1.0, 7.0)


@pytest.mark.parametrize("end", [End.TERMINATED, End.TRUNCATED])
def test_game_whose_episodes_end_is_not_frozen(unchanged, steps, end):
    for now in range(5):
        unchanged.received("pc", steps([0] * 10, 2.0, end=int(end)), float(now))
    assert unchanged.of("pc", 5.0).rows == 0


def test_messages_without_rows_or_observations_say_nothing(unchanged, steps):
    unchanged.received("pc", steps([]), 0.0)
    UnchangedObservations(()).received("pc", steps([0]), 0.0)
    assert unchanged.of("pc", 1.0) == Unchanged()


def test_strangers_do_not_fill_the_memory(unchanged, steps):
    for number in range(_MAX_CLIENTS + 5):
        unchanged.received(f"pc-{number}", steps([0]), 0.0)
    assert len(unchanged._clients) == _MAX_CLIENTS
