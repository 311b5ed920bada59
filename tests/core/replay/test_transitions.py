"""Rows of a replay read as n-step transitions and stacks, against the oracle."""

import numpy as np
import pytest
from histories import TRUNCATED, Kind, Made, Message, build, histories, specs
from hypothesis import given, settings
from hypothesis import strategies as st
from replays import Both, assert_transitions

from soulsai_core.errors import CheckpointError
from soulsai_core.replay import Replay, Stacks

PLAIN = Kind()
FULL = Kind(masked=True, timed=True)
IMAGE = Kind(image=True, masked=True)
SOME = settings(max_examples=20, deadline=None)
GAMMAS = st.sampled_from([1.0, 0.9, 0.5])


def assert_read_as_the_rules_say(both, history, data, stack=None):
    """Give all events to both, and compare in between, each time with another number of steps and discount."""
    for i, event in enumerate(history):
        both.hear(event)
        if i % 3 == 0 or i == len(history) - 1:
            assert_transitions(both, data.draw(st.integers(1, 5)), data.draw(GAMMAS), stack)


@SOME
@given(kind=st.sampled_from([PLAIN, FULL]), capacity=st.integers(1, 40), data=st.data())
def test_every_row_that_is_not_discarded_is_read_as_the_rules_say(kind, capacity, data):
    assert_read_as_the_rules_say(Both(kind, capacity), data.draw(histories(kind)), data)


@SOME
@given(stack=st.sampled_from([1, 2, 4]), history=histories(IMAGE), capacity=st.integers(1, 40), data=st.data())
def test_stacks_are_whole_or_not_drawn(stack, history, capacity, data):
    assert_read_as_the_rules_say(Both(IMAGE, capacity, reading=Stacks(stack, "image")), history, data, stack)


@settings(max_examples=8, deadline=None)
@given(stack=st.sampled_from([None, 3]), history=histories(IMAGE), capacity=st.integers(1, 40), data=st.data())
def test_rows_on_a_device_are_read_alike(stack, history, capacity, data):
    pytest.importorskip("torch")
    both = Both(IMAGE, capacity, device="cpu", reading=None if stack is None else Stacks(stack, "image"))
    assert_read_as_the_rules_say(both, history, data, stack)
    both.move(capacity)
    assert_transitions(both, 2, 0.5, stack)


@SOME
@given(history=histories(IMAGE), capacities=st.lists(st.integers(1, 30), min_size=2, max_size=3), data=st.data())
def test_loaded_replay_goes_on_as_the_saved_one_did(history, capacities, data):
    stack = data.draw(st.sampled_from([None, 1, 3]))
    both = Both(IMAGE, capacities[0], reading=None if stack is None else Stacks(stack, "image"))
    for capacity in capacities:
        middle = data.draw(st.integers(0, len(history)))
        for event in history[:middle]:
            both.hear(event)
        history = history[middle:]
        both.move(capacity)
        assert_transitions(both, data.draw(st.integers(1, 4)), 0.9, stack)
    assert_read_as_the_rules_say(both, history, data, stack)


@SOME
@given(history=histories(FULL), seed=st.integers(0, 99))
def test_draws_after_loading_are_those_of_the_saved_replay(history, seed):
    both = Both(FULL, 16)
    for event in history:
        both.hear(event)
    before = both.replay
    if not len(before):
        return
    both.move(16)
    one, other = (r.draw(np.random.default_rng(seed), 2, 8, n_step=2, gamma=0.9) for r in (before, both.replay))
    assert one.columns.keys() == other.columns.keys()
    for name, column in one.columns.items():
        if not name.startswith("next_"):
            np.testing.assert_array_equal(column, other.columns[name])
    np.testing.assert_array_equal(one.slots, other.slots)


@SOME
@given(history=histories(FULL), n=st.integers(1, 3))
def test_draw_is_a_reading_of_rows_that_can_be_drawn(history, n):
    both = Both(FULL, 12)
    for event in history:
        both.hear(event)
    replay = both.replay
    rng = np.random.default_rng(0)
    if not len(replay):
        return
    drawn = replay.draw(rng, 30, 10, n_step=n, gamma=0.9)
    assert set(drawn.slots.ravel().tolist()) == set(replay.drawable().tolist())
    again = replay.read(drawn.slots, n_step=n, gamma=0.9)
    assert drawn.columns.keys() == again.keys() and "weight" not in drawn.columns
    for name, column in drawn.columns.items():
        assert column.shape[:2] == (30, 10)
        np.testing.assert_array_equal(column, again[name])


def message(rows):
    return Message("client", rows, build(rows, PLAIN))


def test_row_is_learned_from_before_the_steps_that_follow_are_there():
    both = Both(PLAIN, 8)
    both.hear(message([Made(0, 0, 1, 2, start=True)]))
    first = both.replay.read(np.array([[0]]), n_step=3, gamma=0.5)
    assert first["next_observation"][0, 0, 0] == 2 and first["discount"][0, 0] == 0.5
    both.hear(message([Made(0, 1, 2, 3), Made(0, 2, 3, 4)]))
    later = both.replay.read(np.array([[0]]), n_step=3, gamma=0.5)
    assert later["next_observation"][0, 0, 0] == 4 and later["discount"][0, 0] == 0.125


def test_return_of_more_steps_than_there_are_ends_where_they_do():
    both = Both(PLAIN, 8)
    both.hear(message([Made(0, i, i + 1, i + 2, start=i == 0) for i in range(3)]))
    few, many = (both.replay.read(np.array([[0, 1, 2]]), n_step=n, gamma=0.5) for n in (3, 10**12))
    for name, column in few.items():
        np.testing.assert_array_equal(column, many[name])


def test_message_longer_than_the_ring_leaves_its_newest_rows():
    both = Both(PLAIN, 4)
    both.hear(message([Made(0, i, i + 1, i + 2, start=i == 0) for i in range(11)]))
    assert_transitions(both, 3, 0.5)
    assert len(both.replay) == 4


def test_client_that_was_taken_for_gone_continues_after_a_break():
    both = Both(PLAIN, 8)
    both.hear(message([Made(0, 0, 1, 2, start=True)]))
    both.replay.forget(frozenset())
    both.hear(message([Made(0, 1, 2, 3)]))
    read = both.replay.read(np.array([[0, 1]]), n_step=3, gamma=0.5)
    assert read["discount"].tolist() == [[0.5, 0.5]] and read["next_observation"][0, :, 0].tolist() == [2, 3]


def test_client_that_is_still_there_is_not_forgotten():
    both = Both(PLAIN, 8)
    both.hear(message([Made(0, 0, 1, 2, start=True)]))
    both.replay.forget(frozenset({"client"}))
    both.hear(message([Made(0, 1, 2, 3)]))
    assert both.replay.read(np.array([[0]]), n_step=3, gamma=0.5)["discount"].tolist() == [[0.25]]


def test_message_without_rows_changes_nothing():
    both = Both(FULL, 8)
    both.replay.append(build([], FULL), "client")
    assert both.replay.rows == 0 and len(both.replay) == 0 and not both.replay.drawable().size


def test_rows_that_are_missing_leave_the_others_with_the_priorities_of_new_rows():
    saved = Both(FULL, 8)
    rows = [Made(0, i, i + 1, i + 2, start=i == 0) for i in range(12)]
    saved.hear(Message("client", rows, build(rows, FULL)))
    other = saved._make(8)
    other.load(saved.replay.save())
    assert other.reach == 8
    other.append(build(rows[8:], FULL), "client")
    other.restored(complete=False)
    assert other.reach == other.rows == len(other) == 4


def test_state_of_something_else_is_refused():
    with pytest.raises(CheckpointError):
        Replay(8, specs(FULL), ["observation", "mask"]).load({"rows": np.zeros(3)})


def test_places_in_the_pools_are_reused():
    kind = Kind(stored=1)
    both = Both(kind, 8)
    before = both.replay.bytes
    for i in range(300):  # what followed each row is in the pool until its successor comes
        row = Made(0, i, i + 1, i + 2, start=i % 3 == 0, end=TRUNCATED if i % 3 == 2 else 0)
        both.hear(Message("client", [row], build([row], kind)))
    assert both.replay.bytes == before
    assert_transitions(both, 3, 0.5)


def test_bytes_count_what_is_stored():
    small = Both(IMAGE, 100)
    large = Both(IMAGE, 10_000)
    row = sum(int(np.prod(s.shape)) * np.dtype(s.dtype).itemsize for s in specs(IMAGE).values())
    assert large.replay.bytes - small.replay.bytes >= 9_900 * row
    assert small.replay.drawn_bytes >= row
