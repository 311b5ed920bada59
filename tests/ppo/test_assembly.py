"""One client's rollout out of messages that are late, doubled or lost."""

import numpy as np
import pytest

from soulsai_core import SampleBatch
from soulsai_ppo.assembly import Assembly
from soulsai_ppo.columns import CUT, ENV, POSITION, REWARD, TERMINATED
from soulsai_ppo.experience import joined


def assembled(messages, iteration=0):
    assembly = Assembly(iteration)
    for message in messages:
        assembly.add(message)
    return assembly


def test_rows_are_sorted_by_environment_and_time(make_rollout, pieces):
    rollout = make_rollout(rows=30, envs=3)
    columns = assembled(pieces(rollout, 7)).assembled()
    np.testing.assert_array_equal(columns[ENV], np.repeat([0, 1, 2], 10))
    np.testing.assert_array_equal(columns[POSITION], np.arange(30).reshape(10, 3).T.reshape(-1))
    np.testing.assert_array_equal(columns[REWARD], rollout.columns[REWARD].reshape(10, 3).T.reshape(-1))


def test_any_order_gives_the_same_rollout(make_rollout, pieces, rng):
    messages = pieces(make_rollout(rows=64, envs=4), 5)
    expected = assembled(messages).assembled()
    for _ in range(5):
        rng.shuffle(messages)
        assembly = assembled(messages)
        assert assembly.complete
        for name, column in assembly.assembled().items():
            np.testing.assert_array_equal(column, expected[name], err_msg=name)


def test_repeated_rows_count_once(make_rollout, pieces):
    first, second, third = pieces(make_rollout(rows=12), 4)
    overlapping = SampleBatch(
        np.concatenate([first.iteration, second.iteration]),
        {name: np.concatenate([column, second.columns[name]]) for name, column in first.columns.items()},
    )
    assembly = Assembly(0)
    assert [assembly.add(m) for m in (first, first, overlapping, overlapping, third)] == [4, 0, 4, 0, 4]
    assert assembly.complete and len(assembly.assembled()[POSITION]) == 12


def test_position_that_is_twice_in_one_message_counts_once(make_rollout):
    rollout = make_rollout(rows=6)
    rollout.columns[POSITION][:] = [0, 0, 1, 1, 2, 3]
    assembly = Assembly(0)
    assert assembly.add(rollout) == 4 and assembly.complete


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_rollout_with_a_hole_is_not_complete_until_it_is_filled(make_rollout, pieces, lost):
    messages = pieces(make_rollout(rows=12), 4)
    assembly = assembled(m for i, m in enumerate(messages) if i != lost)
    assert not assembly.complete and assembly.rows == 8
    assembly.add(messages[lost])
    assert assembly.complete


def test_rollout_longer_than_expected_is_kept_whole(make_rollout, pieces):
    assert assembled(pieces(make_rollout(rows=5000, envs=1), 512)).complete


def test_every_sequence_ends_though_the_client_did_not_say_so(make_rollout):
    rollout = make_rollout(rows=12, envs=3)
    rollout.columns[CUT][:] = rollout.columns[TERMINATED][:] = False
    columns = assembled([rollout]).assembled()
    np.testing.assert_array_equal(np.flatnonzero(columns[CUT]), [3, 7, 11])


def test_experience_joins_clients_and_knows_whose_sequences_they_are(make_rollout):
    rollouts = {name: assembled([make_rollout(rows=rows, envs=2)]).assembled() for name, rows in (("a", 6), ("b", 4))}
    experience = joined(rollouts)
    assert len(experience) == 10
    np.testing.assert_array_equal(experience.starts, [0, 3, 6, 8])
    assert experience.owners == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert not experience.rows["reset"][experience.starts].any()
    ended = experience.rows[TERMINATED] | experience.rows[CUT]
    inner = np.setdiff1d(np.arange(10), experience.starts)
    np.testing.assert_array_equal(experience.rows["reset"][inner], ended[inner - 1])
