"""The oracle itself: by hand, and whether it reads the same however the rows were sent."""

import numpy as np
import pytest
from histories import DISCARDED, TERMINATED, TRUNCATED, Kind, Made, Message, build, histories, number_of, reward_of
from hypothesis import given, settings
from oracle import Oracle, advantages

TIMED = Kind(timed=True, image=True)


def read(*rows, kind=None, **options):
    """An oracle that took in these rows, each in a message of its own."""
    oracle = Oracle(**options)
    for row in rows:
        oracle.take(build([row], kind or Kind()), "client")
    return oracle


def episode(*ends, first=0):
    """Rows of one stream that observe 1, 2, 3 ... from the start of an episode."""
    return [Made(0, first + i, i + 1, i + 2, start=i == 0, end=end) for i, end in enumerate(ends)]


@pytest.mark.parametrize(
    ("ends", "n", "rewards", "following"),
    [
        ((0, 0, 0, 0), 2, 2, 3),
        ((0, 0, 0, 0), 9, 4, 5),
        ((0, 0, TRUNCATED), 9, 3, 4),
        ((0, 0, TERMINATED), 9, 3, None),
        ((0, 0, TERMINATED), 2, 2, 3),
        ((0, 0, DISCARDED, 0), 9, 2, 3),
        ((DISCARDED, 0), 9, None, None),
    ],
)
def test_return_ends_at_the_first_of_all_that_ends_one(ends, n, rewards, following):
    oracle = read(*episode(*ends))
    found = oracle.returned(oracle.rows[0], n, 0.5)
    if rewards is None:
        assert found is None
        return
    assert found.rewards == rewards
    assert found.reward == sum(0.5**k * reward_of(k + 1) for k in range(rewards))
    assert found.discount == (0 if following is None else 0.5**rewards)
    assert found.terminated == (following is None)
    if following is not None:
        assert number_of(found.following["observation"]) == following


def test_return_ends_at_a_break_and_is_bootstrapped_from_what_was_sent_with_the_row_before():
    oracle = read(*episode(0, 0), Made(0, 3, 9, 10))
    found = oracle.returned(oracle.rows[0], 5, 1.0)
    assert found.rewards == 2 and number_of(found.following["observation"]) == 3


def test_stack_is_filled_at_a_start_and_missing_behind_a_break_and_the_oldest_row():
    oracle = read(*episode(0, 0, 0), Made(0, 4, 9, 10), Made(0, 5, 10, 11), kind=TIMED)
    stacks = [oracle.stack(row, 3, "observation") for row in oracle.rows]
    numbers = [stack and [number_of(frame) for frame in stack] for stack in stacks]
    assert numbers == [[1, 1, 1], [1, 1, 2], [1, 2, 3], None, None]
    oracle.capacity = 4
    assert oracle.stack(oracle.rows[2], 3, "observation") is None
    assert len(oracle.stack(oracle.rows[2], 2, "observation")) == 2


def value(values):
    return float(values["observation"][0])


def test_advantages_are_those_of_the_paper():
    oracle = read(*episode(0, 0, TERMINATED), Made(0, 3, 8, 9, start=True))
    gamma = 0.5
    mixed = 0.25
    found = advantages(oracle.rows, value, gamma, mixed)
    errors = [reward_of(1) + gamma * 2 - 1, reward_of(2) + gamma * 3 - 2, reward_of(3) - 3]
    assert found[2] == errors[2]
    assert found[1] == pytest.approx(errors[1] + gamma * mixed * errors[2])
    assert found[0] == pytest.approx(errors[0] + gamma * mixed * errors[1] + (gamma * mixed) ** 2 * errors[2])
    assert found[3] == reward_of(8) + gamma * 9 - 8


def test_advantages_end_with_the_rollout_and_before_a_discarded_row():
    oracle = read(*episode(0, 0, DISCARDED, 0))
    cut = advantages(oracle.rows[:1], value, 0.5, 0.9)
    assert cut == [reward_of(1) + 0.5 * 2 - 1]
    found = advantages(oracle.rows, value, 0.5, 0.9)
    assert found[2] is None and found[1] == reward_of(2) + 0.5 * 3 - 2
    assert found[0] == pytest.approx(cut[0] + 0.45 * found[1])


@settings(max_examples=25, deadline=None)
@given(histories(TIMED))
def test_rows_read_alike_whether_they_were_sent_together_or_one_by_one(history):
    together = Oracle()
    single = Oracle()
    for event in history:
        if not isinstance(event, Message):
            together.forget(event.clients)
            single.forget(event.clients)
            continue
        together.take(event.steps, event.client)
        for part in event.steps.split(1):
            single.take(part, event.client)
    for one, other in zip(together.rows, single.rows, strict=True):
        found = together.returned(one, 3, 0.9)
        expected = single.returned(other, 3, 0.9)
        assert (found is None) == (expected is None)
        if found is not None:
            assert (found.reward, found.discount, found.rewards) == (
                expected.reward,
                expected.discount,
                expected.rewards,
            )
            assert found.terminated == expected.terminated
            if not found.terminated:
                np.testing.assert_array_equal(found.following["observation"], expected.following["observation"])
        mine = together.stack(one, 3, "observation")
        theirs = single.stack(other, 3, "observation")
        np.testing.assert_array_equal(mine, theirs) if mine is not None else None
        assert (mine is None) == (theirs is None)
