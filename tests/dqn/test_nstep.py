"""n-step returns against a reference that follows the definition, step by step and in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.nstep import fold
from soulsai_dqn.trajectory import Trajectory

GOES_ON, TERMINATED, TRUNCATED, BOTH = range(4)

ends = st.sampled_from([GOES_ON] * 6 + [TERMINATED, TRUNCATED, BOTH])
steps_of_an_environment = st.lists(st.tuples(st.floats(-10, 10, width=32), ends), max_size=40)
discounts = st.floats(0.1, 1.0)


def terminates(end):
    return end in (TERMINATED, BOTH)


def reference(steps, n, gamma):
    """(return, discount, index of the last reward) of each step whose n-step return is known; None for the others."""
    rows = []
    for start in range(len(steps)):
        total, row = 0.0, None
        for k in range(n):
            if start + k == len(steps):
                break
            reward, end = steps[start + k]
            total += gamma**k * reward
            if end != GOES_ON or k == n - 1:
                row = total, 0.0 if terminates(end) else gamma ** (k + 1), start + k
                break
        rows.append(row)
    return rows


def arrays(steps):
    reward = np.array([reward for reward, _ in steps], np.float32)
    terminated = np.array([terminates(end) for _, end in steps], np.bool_)
    return reward, terminated, np.array([end != GOES_ON for _, end in steps], np.bool_)


@given(steps=steps_of_an_environment, n=st.integers(1, 6), gamma=discounts)
def test_fold_is_the_definition_of_an_n_step_return(steps, n, gamma):
    folded = fold(*arrays(steps), n, gamma)
    expected = reference(steps, n, gamma)
    known = [row for row in expected if row is not None]
    assert expected[: len(known)] == known, "known rows are the first ones"
    assert folded.last.tolist() == [last for _, _, last in known]
    np.testing.assert_allclose(folded.reward, [total for total, _, _ in known], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(folded.discount, [discount for _, discount, _ in known], rtol=1e-5)


@given(steps=steps_of_an_environment, n=st.integers(1, 6), gamma=discounts, data=st.data())
def test_cutting_the_steps_into_chunks_changes_nothing(steps, n, gamma, data):
    """Rows leave the trajectory as soon as they are known, whenever they are asked for."""
    trajectory = Trajectory(["observation"])
    batches = []
    for number, (reward, end) in enumerate(steps):
        trajectory.extend(
            {
                "observation": np.array([[number]], np.float32),
                "next_observation": np.array([[number + 1]], np.float32),
                "next_mask": np.arange(100)[None] == number + 1,
                "action": np.array([number], np.int32),
                "reward": np.array([reward], np.float32),
                "terminated": np.array([terminates(end)]),
                "ended": np.array([terminates(end) or end in (TRUNCATED, BOTH)]),
                "iteration": np.array([number]),
            }
        )
        if data.draw(st.booleans()):
            batches.append(trajectory.take(n, gamma))
    batches.append(trajectory.take(n, gamma))
    assert trajectory.take(n, gamma) is None
    given_out = [batch for batch in batches if batch is not None]
    rows = [row for row in reference(steps, n, gamma) if row is not None]
    assert sum(map(len, given_out)) == len(rows)
    start = 0
    for batch in given_out:
        _assert_rows(batch, rows[start : start + len(batch)], start)
        start += len(batch)


def _assert_rows(batch, rows, start):
    """Row i is the step start + i; observation and action are its number, the next observation that of `last` + 1."""
    columns, numbers, last = batch.columns, np.arange(start, start + len(rows)), np.array([last for _, _, last in rows])
    assert batch.iteration.tolist() == numbers.tolist()
    assert columns["action"].tolist() == numbers.tolist()
    assert columns["observation"][:, 0].tolist() == numbers.tolist()
    assert columns["next_observation"][:, 0].tolist() == (last + 1).tolist()
    assert columns["next_mask"].argmax(1).tolist() == (last + 1).tolist()
    np.testing.assert_allclose(columns["reward"], [total for total, _, _ in rows], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(columns["discount"], [discount for _, discount, _ in rows], rtol=1e-5)


@pytest.mark.parametrize(("end", "discounts"), [(TERMINATED, [0, 0]), (TRUNCATED, [0.25, 0.5]), (BOTH, [0, 0])])
def test_episode_shorter_than_n_gives_all_its_steps(end, discounts):
    folded = fold(*arrays([(1.0, GOES_ON), (2.0, end)]), 5, 0.5)
    assert folded.reward.tolist() == [2.0, 2.0]
    assert folded.discount.tolist() == discounts
    assert folded.last.tolist() == [1, 1]


def test_return_does_not_run_into_the_next_episode():
    one, other = (fold(*arrays([(1.0, GOES_ON), (1.0, TRUNCATED), (next_reward, GOES_ON)]), 3, 0.5)
                  for next_reward in (0.0, 100.0))  # fmt: skip
    assert one.reward.tolist() == other.reward.tolist() == [1.5, 1.0]


def test_unfinished_tail_waits():
    assert len(fold(*arrays([(1.0, GOES_ON)] * 4), 3, 0.9).last) == 2


def test_no_steps_give_no_rows():
    assert len(fold(*arrays([]), 3, 0.9).last) == 0
