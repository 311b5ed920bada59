"""The tree of sums against a plain array."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.sumtree import SumTree

priorities = st.floats(0, 10).map(lambda p: round(p, 3))
capacities = st.integers(1, 3000)


@st.composite
def changes(draw):
    """A capacity, and writes of either kind: (slots or first slot, priorities)."""
    capacity = draw(capacities)
    slot = st.integers(0, capacity - 1)
    scattered = st.lists(st.tuples(slot, priorities), min_size=1, max_size=40)
    writes = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            slots, values = zip(*draw(scattered), strict=True)
            writes.append((np.array(slots), np.array(values)))
        else:
            first = draw(slot)
            writes.append((first, np.array(draw(st.lists(priorities, max_size=min(40, capacity - first))))))
    return capacity, writes


def written(capacity, writes):
    tree, plain = SumTree(capacity), np.zeros(capacity)
    for where, values in writes:
        if isinstance(where, int):
            tree.set_range(where, values)
            plain[where : where + len(values)] = values
        else:
            tree.set(where, values)
            plain[where] = values
    return tree, plain


@given(changes())
def test_sums_are_those_of_a_plain_array(drawn):
    tree, plain = written(*drawn)
    np.testing.assert_allclose(tree[np.arange(len(plain))], plain)
    np.testing.assert_allclose(tree.total, plain.sum(), rtol=1e-9, atol=1e-12)
    for slot in {0, len(plain) // 2, len(plain) - 1}:
        np.testing.assert_allclose(tree.before(slot), plain[:slot].sum(), rtol=1e-9, atol=1e-12)


@given(changes(), st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30))
def test_slot_found_is_the_one_whose_share_is_hit(drawn, shares):
    tree, plain = written(*drawn)
    if tree.total == 0:
        return
    sums = np.array(shares) * tree.total
    upto = np.cumsum(plain)
    for sum_, slot in zip(sums, tree.find(sums), strict=True):
        assert plain[slot] > 0
        assert upto[slot] - plain[slot] <= sum_ + 1e-6 and sum_ <= upto[slot] + 1e-6


def test_sum_beyond_the_end_finds_the_last_slot_that_has_a_priority():
    tree = SumTree(5000)
    tree.set_range(10, np.array([1.0, 2.0]))
    assert tree.find(np.array([3.0, 3.1])).tolist() == [11, 11]
