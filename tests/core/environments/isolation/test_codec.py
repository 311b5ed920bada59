"""Steps and actions survive the way to another process."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from soulsai_core.environments.isolation.codec import decode_actions, decode_step, encode
from soulsai_core.messages import Step

FLOATS = hnp.arrays(np.float32, (2, 3))
FLAGS = hnp.arrays(np.bool_, (2,))
NUMBERS = st.dictionaries(st.text(), st.floats(allow_nan=False))
MASKS = hnp.arrays(np.bool_, (2, 4))


@given(
    hnp.arrays(
        st.sampled_from(["<i8", "<f4", "<f8", "|u1", "|b1"]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)
    )
)
def test_arrays_come_back_as_they_were(array):
    back = decode_actions(encode(array))
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@given(FLOATS, FLAGS, FLAGS, st.none() | FLAGS, st.none() | MASKS, NUMBERS)
def test_steps_come_back_as_they_were(seen, terminated, truncated, valid, masks, numbers):
    rewards = seen[:, 0].copy()
    final, final_masks = {1: {"observation": seen[1]}}, {} if masks is None else {1: masks[1]}
    metrics, durations = {0: numbers}, seen[:, 1].copy()
    step = Step(
        {"observation": seen}, rewards, terminated, truncated, final, valid, masks, final_masks, metrics, durations
    )
    back = decode_step(encode(step))
    for name in ("rewards", "terminated", "truncated", "valid", "masks", "durations"):
        np.testing.assert_array_equal(getattr(back, name), getattr(step, name))
    np.testing.assert_array_equal(back.observations["observation"], seen)
    np.testing.assert_array_equal(back.final[1]["observation"], seen[1])
    assert back.final_masks.keys() == final_masks.keys() and back.metrics == {0: numbers}
