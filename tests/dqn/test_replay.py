"""The replay buffer against a list that forgets its beginning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core import ArraySpec, CheckpointError
from soulsai_dqn.replay import ReplayBuffer

COLUMNS = {"number": ArraySpec((), "int32"), "pair": ArraySpec((2,), "float32")}


def rows(numbers):
    numbers = np.array(numbers, np.int32)
    return {"number": numbers, "pair": np.stack([numbers, -numbers], axis=1).astype(np.float32)}


def numbers_in(buffer):
    """What it holds, the oldest first; the two columns must agree."""
    saved = buffer.save()
    assert saved["pair"][:, 0].tolist() == (-saved["pair"][:, 1]).tolist() == saved["number"].tolist()
    return saved["number"].tolist()


def filled(capacity, *counts):
    buffer, model = ReplayBuffer(capacity, COLUMNS), []
    for count in counts:
        fresh = list(range(len(model), len(model) + count))
        buffer.append(rows(fresh))
        model += fresh
    return buffer, model


counts = st.lists(st.integers(1, 12), max_size=12)


@given(capacity=st.integers(1, 10), counts=counts)
def test_newest_rows_are_kept_in_order(capacity, counts):
    buffer, model = filled(capacity, *counts)
    assert numbers_in(buffer) == model[-capacity:]
    assert len(buffer) == min(len(model), capacity)


@given(capacity=st.integers(1, 10), counts=counts.filter(bool), batches=st.integers(1, 4), size=st.integers(1, 30))
def test_only_kept_rows_are_drawn(capacity, counts, batches, size):
    buffer, model = filled(capacity, *counts)
    drawn = buffer.draw(np.random.default_rng(0), batches, size).columns
    assert drawn["number"].shape == (batches, size) and drawn["pair"].shape == (batches, size, 2)
    assert set(drawn["number"].flat) <= set(model[-capacity:])
    assert (drawn["pair"][..., 0] == drawn["number"]).all()


@given(capacity=st.integers(1, 10), other=st.integers(1, 10), counts=counts, more=counts)
def test_loaded_buffer_goes_on_as_the_saved_one_also_with_another_capacity(capacity, other, counts, more):
    buffer, model = filled(capacity, *counts)
    loaded = ReplayBuffer(other, COLUMNS)
    loaded.append(rows([777]))
    loaded.load(buffer.save())
    kept = model[-capacity:]
    assert numbers_in(loaded) == kept[-other:]
    for count in more:
        fresh = list(range(1000, 1000 + count))
        loaded.append(rows(fresh))
        kept += fresh
    assert numbers_in(loaded) == kept[-other:]


@given(capacity=st.integers(1, 10), counts=counts.filter(bool))
def test_loaded_buffer_draws_the_same_rows(capacity, counts):
    """Also one that had wrapped, whose oldest row was in the middle."""
    buffer, _ = filled(capacity, *counts)
    loaded = ReplayBuffer(capacity, COLUMNS)
    loaded.load(buffer.save())
    one, other = (b.draw(np.random.default_rng(3), 2, 20).columns["number"].tolist() for b in (buffer, loaded))
    assert one == other


def test_draws_are_uniform_and_with_replacement():
    buffer, _ = filled(10, 10)
    drawn = buffer.draw(np.random.default_rng(0), 100, 100).columns["number"]
    shares = np.bincount(drawn.ravel(), minlength=10) / drawn.size
    np.testing.assert_allclose(shares, 0.1, atol=0.015)
    assert any(len(set(batch)) < 100 for batch in drawn.tolist())


def test_appended_rows_are_copied():
    buffer, given = ReplayBuffer(4, COLUMNS), rows([1, 2])
    buffer.append(given)
    for column in given.values():
        column.fill(9)
    assert numbers_in(buffer) == [1, 2]


def test_saved_rows_do_not_change_afterwards():
    buffer, _ = filled(3, 3)
    saved = buffer.save()
    buffer.append(rows([7, 8, 9]))
    assert saved["number"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "foreign",
    [{"number": np.zeros(2, np.int32)}, {**rows([1]), "more": np.zeros(1)}, {**rows([1]), "pair": np.zeros((1, 3))}],
    ids=["a column less", "a column more", "another shape"],
)
def test_rows_with_other_columns_are_refused(foreign):
    with pytest.raises(CheckpointError, match="other columns"):
        ReplayBuffer(4, COLUMNS).load(foreign)
