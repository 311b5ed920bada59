"""How rows and sequences are dealt out."""

import numpy as np
import pytest

from soulsai_ppo.minibatches import Sequences, shuffled_rows


@pytest.mark.parametrize(
    ("rows", "size", "count"), [(2048, 64, 32), (100, 64, 2), (65, 64, 1), (63, 64, 1), (97, 10, 10)]
)
def test_every_row_is_in_one_minibatch_and_they_differ_by_one_row_at_most(rng, rows, size, count):
    """No minibatch of a single row is left over, whose advantage could not be normalized."""
    parts = [columns["x"] for columns, _ in shuffled_rows({"x": np.arange(rows)}, size, rng)]
    assert len(parts) == count
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1


def test_rows_are_shuffled_and_columns_stay_together(rng):
    x = np.arange(100)
    parts = [columns for columns, _ in shuffled_rows({"x": x, "y": 2 * x}, 10, rng)]
    assert any(not np.array_equal(np.sort(part["x"]), part["x"]) for part in parts)
    assert all(np.array_equal(2 * part["x"], part["y"]) for part in parts)


@pytest.mark.parametrize("length", [1, 4, 7, 100])
def test_sequences_lie_within_one_environment_and_hold_every_step_once(rng, length):
    env = np.repeat([0, 1, 2], [9, 4, 20])
    columns = {"step": np.arange(33), "env": env}
    sequences = Sequences(33, np.array([0, 9, 13]), length)
    assert sequences.lengths.sum() == 33 and sequences.lengths.max() <= length
    seen = []
    for part, lengths in sequences.shuffled(columns, 8, rng):
        assert lengths.sum() == len(part["step"])
        for steps, envs in zip(*(np.split(part[n], np.cumsum(lengths)[:-1]) for n in ("step", "env")), strict=True):
            np.testing.assert_array_equal(np.diff(steps), 1)
            assert len(set(envs)) == 1
        seen.append(part["step"])
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(33))


def test_minibatches_of_sequences_have_about_the_size_asked_for(rng):
    sequences = Sequences(256, np.arange(0, 256, 64), 16)
    sizes = [len(part["x"]) for part, _ in sequences.shuffled({"x": np.arange(256)}, 64, rng)]
    assert sizes == [64] * 4
