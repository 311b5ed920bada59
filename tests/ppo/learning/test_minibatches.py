"""How rows and sequences are dealt out."""

import numpy as np
import pytest

from soulsai_ppo.learning.minibatches import sequence_lengths, shuffled_rows, shuffled_sequences
from soulsai_ppo.rollouts.columns import BEGINS, LEARNED
from soulsai_ppo.spaces import STATE


@pytest.mark.parametrize(
    ("rows", "size", "count"), [(2048, 64, 32), (100, 64, 2), (65, 64, 1), (63, 64, 1), (97, 10, 10)]
)
def test_every_row_to_learn_from_is_in_one_minibatch_and_they_differ_by_one_row_at_most(rng, rows, size, count):
    """No minibatch of a single row is left over, whose advantage could not be normalized."""
    learned = np.append(np.ones(rows, np.bool_), np.zeros(9, np.bool_))
    rng.shuffle(learned)
    columns = {"x": np.arange(rows + 9), LEARNED: learned}
    parts = [part["x"] for part, _ in shuffled_rows(columns, size, rng)]
    assert len(parts) == count
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.flatnonzero(learned))
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1


def test_rows_are_shuffled_and_columns_stay_together(rng):
    x = np.arange(100)
    columns = {"x": x, "y": 2 * x, LEARNED: np.ones(100, np.bool_)}
    parts = [part for part, _ in shuffled_rows(columns, 10, rng)]
    assert any(not np.array_equal(np.sort(part["x"]), part["x"]) for part in parts)
    assert all(np.array_equal(2 * part["x"], part["y"]) for part in parts)


def sequences(rng, rows, first):
    """Columns of sequences that begin with these rows; about a fifth of the rows is not learned from."""
    begins = np.zeros(rows, np.bool_)
    begins[first] = True
    learned = rng.random(rows) < 0.8
    return {STATE: np.arange(rows), "x": np.arange(rows), LEARNED: learned, BEGINS: begins}


def test_sequences_stay_whole_for_the_network_and_each_row_to_learn_from_comes_once(rng):
    columns = sequences(rng, 33, [0, 4, 9, 10, 13, 30])
    columns[LEARNED][9] = False  # nothing can be learned from this sequence
    lengths = sequence_lengths(columns)
    np.testing.assert_array_equal(lengths, [4, 5, 1, 3, 17, 3])
    seen = []
    learned = []
    for part, own in shuffled_sequences(columns, lengths, 8, rng):
        assert own.sum() == len(part[STATE]) == len(part[LEARNED])
        for rows in np.split(part[STATE], np.cumsum(own)[:-1]):
            np.testing.assert_array_equal(np.diff(rows), 1)
            assert columns[BEGINS][rows[0]] and columns[BEGINS][rows].sum() == 1
        np.testing.assert_array_equal(part["x"], part[STATE][part[LEARNED]])
        assert len(part["x"])
        seen.append(part[STATE])
        learned.append(part["x"])
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.delete(np.arange(33), 9))
    np.testing.assert_array_equal(np.sort(np.concatenate(learned)), np.flatnonzero(columns[LEARNED]))


def test_minibatches_of_sequences_have_about_the_size_asked_for(rng):
    columns = sequences(rng, 256, np.arange(0, 256, 16))
    columns[LEARNED][:] = True
    parts = shuffled_sequences(columns, sequence_lengths(columns), 64, rng)
    assert [len(part["x"]) for part, _ in parts] == [64] * 4
