"""Masks of valid actions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core import mask_invalid

masks = st.lists(st.booleans(), min_size=1, max_size=6).map(lambda valid: np.array(valid, np.bool_))


@given(masks, st.data())
def test_best_value_is_that_of_a_valid_action_and_of_any_where_none_is_valid(mask, data):
    values = np.array(data.draw(st.lists(st.floats(-9, 9), min_size=len(mask), max_size=len(mask))))
    action = mask_invalid(values[None], mask[None]).argmax()
    assert values[action] == (values[mask] if mask.any() else values).max()
    assert mask[action] or not mask.any()


def test_each_row_has_its_own_mask_and_the_values_are_not_changed():
    values = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    masked = mask_invalid(values, np.array([[True, False], [False, False]]), -1e9)
    assert masked.tolist() == [[1, -1e9], [3, 4]] and masked.dtype == np.float32
    assert values.tolist() == [[1, 2], [3, 4]]


def test_without_masks_the_values_are_returned():
    values = np.zeros((1, 2))
    assert mask_invalid(values, None) is values
