"""Running normalization against numpy's own mean and variance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core import RunningMoments, normalized


@settings(max_examples=30)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 99), st.floats(0.1, 1e4))
def test_moments_do_not_depend_on_how_the_rows_are_cut(counts, seed, offset):
    rows = np.random.default_rng(seed).normal(offset, 2, (sum(counts) + 2, 3)).astype(np.float32)
    moments = RunningMoments((3,))
    for part in np.split(rows, np.cumsum(counts)):
        moments.update(part)
    mean, inverse = moments.scales()
    np.testing.assert_allclose(mean, rows.astype(np.float64).mean(0), rtol=1e-5)
    np.testing.assert_allclose(inverse, (rows.astype(np.float64).var(0) + 1e-8) ** -0.5, rtol=1e-3)


def test_before_the_first_row_nothing_changes():
    rows = np.array([[1.0, -2.0]], np.float32)
    np.testing.assert_allclose(normalized(rows, *RunningMoments((2,)).scales(), 10.0), rows, rtol=1e-6)


@pytest.mark.parametrize("clip", [5.0, 10.0])
def test_outliers_are_clipped(clip):
    rows = np.array([[1e6], [-1e6]], np.float32)
    assert normalized(rows, *RunningMoments((1,)).scales(), clip).tolist() == [[clip], [-clip]]


def test_input_is_left_alone_and_the_result_is_float32():
    rows = np.full((2, 1), 3, np.float32)
    given_out = normalized(rows, np.float32([1]), np.float32([0.5]), 10.0)
    assert given_out.tolist() == [[1], [1]] and given_out.dtype == np.float32 and rows.tolist() == [[3], [3]]


def test_tensors_are_normalized_like_arrays():
    torch = pytest.importorskip("torch", reason="tensors are torch's")
    rows = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    scales = np.float32([[1, 2], [3, 0.5]])
    tensor = normalized(torch.from_numpy(rows), *scales, 1.0)
    np.testing.assert_allclose(tensor.numpy(), normalized(rows, *scales, 1.0), rtol=1e-6)


def test_loaded_moments_continue_like_the_saved_ones():
    one = RunningMoments((2,))
    other = RunningMoments((2,))
    rows = np.random.default_rng(0).normal(size=(9, 2))
    one.update(rows)
    other.load(one.save())
    one.update(rows * 3)
    other.update(rows * 3)
    np.testing.assert_array_equal(one.scales(), other.scales())


def test_moments_of_other_features_are_refused():
    with pytest.raises(ValueError, match=r"\(2,\) features and here are \(3,\)"):
        RunningMoments((3,)).load(RunningMoments((2,)).save())
