"""The check of a column's values, compared with looking at each number, whatever their number."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core import ArraySpec
from soulsai_core.steps import ColumnCheck

SIZES = st.sampled_from([0, 1, 2, 63, 64, 65, 499, 500, 2000])
"""Around the sizes from which on the check looks in another way."""

REAL = st.sampled_from([0.0, -7.5, 9.9, -19.9, 20.1, -31.0, 1e30, -1e38, math.inf, -math.inf, math.nan])
BOUNDS = st.sampled_from([(None, None), (-20.0, 20.0), (-20.0, None), (None, 30.0), (5.0, 20.0), (-1e30, 1e30)])


def column(size: int, usual: float, planted: list[float], dtype: str) -> np.ndarray:
    numbers = np.full(size, usual, dtype)
    numbers[: len(planted[:size])] = planted[:size]
    return np.roll(numbers, size // 3)


@given(SIZES, st.lists(REAL, max_size=3), BOUNDS, st.sampled_from(["float32", "float64"]))
def test_real_numbers_fit_if_each_is_finite_and_within_the_bounds(size, planted, bounds, dtype):
    low, high = bounds
    numbers = column(size, 6.0, planted, dtype)
    fits = all(
        math.isfinite(number) and (low is None or number >= low) and (high is None or number <= high)
        for number in numbers.tolist()
    )
    check = ColumnCheck.of("x", ArraySpec((), dtype, low, high))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # who sends huge numbers could fill the log with warnings
        error = check.find_error(numbers)
    assert (error is None) == fits
    if error is not None:
        assert error[0] == ("bounds" if np.isfinite(numbers).all() else "nonfinite")


@given(SIZES, st.lists(st.integers(0, 255), max_size=3), st.sampled_from([(0, 3), (2, 200), (None, None)]))
def test_whole_numbers_fit_if_each_is_within_the_bounds(size, planted, bounds):
    low, high = bounds
    for dtype in ("uint8", "int64"):
        numbers = column(size, 3, planted, dtype)
        fits = low is None or all(low <= number <= high for number in numbers.tolist())
        assert (ColumnCheck.of("x", ArraySpec((), dtype, low, high)).find_error(numbers) is None) == fits


@pytest.mark.parametrize(("number", "said"), [(300.5, "300.5, above 20.0"), (-0.5, "-0.5, below 0.0")])
@pytest.mark.parametrize("size", [1, 200, 2000])
def test_number_that_does_not_fit_is_named(number, said, size):
    check = ColumnCheck.of("x", ArraySpec((), "float32", 0.0, 20.0))
    assert check.find_error(column(size, 6.0, [number], "float32")) == ("bounds", f"column x has {said}")
