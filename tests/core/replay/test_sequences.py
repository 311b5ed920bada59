"""Rows of a replay read as sequences, against the oracle."""

import numpy as np
import pytest
from histories import WIDTH, Kind, Made, Message, build, histories
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import DISCARDED, TERMINATED, following
from replays import Both, frames, number_of_image

from soulsai_core.replay import Sequences, Stacks

KIND = Kind(masked=True, timed=True, stored=3)
IMAGE = Kind(image=True, stored=2)
SOME = settings(max_examples=25, deadline=None)
SHAPES = st.tuples(st.integers(0, 3), st.integers(1, 4), st.integers(1, 3))


def sequences(shape, stack=None):
    return Sequences(*shape, 2 * WIDTH, 0.9, None if stack is None else Stacks(stack, "image"))


def assert_sequences(both, shape, n, gamma, stack=None):
    """All that can be drawn is what the oracle reads."""
    oracle, whole = both.oracle, sum(shape)

    def wanted(row):
        there = stack is None or oracle.stack(row, stack, "image") is not None
        return there and oracle.can_be_drawn(row, whole, shape[2], "state", stack or 1)

    expected = both.assert_drawable(wanted)
    if not expected:
        return
    columns = both.replay.read(np.array([list(expected)]), n_step=n, gamma=gamma)
    for place, row in enumerate(expected.values()):
        made = {name: np.asarray(column)[0, place] for name, column in columns.items()}
        sequence = oracle.sequence(row, whole, shape[0], n, gamma)
        assert_rows(both, sequence, made, whole, stack)
        assert_learned(sequence, made, whole, stack)
        assert made["begins"] == row.start and made["learned"].any()
        np.testing.assert_array_equal(made["state"], np.zeros(2 * WIDTH) if row.start else row.values["state"])


def assert_rows(both, sequence, made, whole, stack):
    """What was observed and done, and zeros behind it."""
    rows, last = sequence.rows, sequence.rows[-1]
    there = len(rows)
    goes_on = last.end != TERMINATED and (last.ahead is not None or last.end != DISCARDED)
    assert len(made["observation"]) == whole + 1 and "mask" not in made and "value" not in made
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(made["observation"][i], row.values["observation"])
        assert made["action"][i] == row.values["action"]
        if stack is not None:
            assert numbers(both.oracle.stack(row, stack, "image")) == frames(made["image"][i])
    if goes_on:
        np.testing.assert_array_equal(made["observation"][there], following(last)["observation"])
        if stack is not None:
            assert numbers(both.oracle.stack_after(last, stack, "image")) == frames(made["image"][there])
    for name in made.keys() & {"observation", "image"}:
        assert not made[name][there + goes_on :].any()
    for name in ("action", "reward", "discount", "learned"):
        assert len(made[name]) == whole and not made[name][there:].any()


def assert_learned(sequence, made, whole, stack):
    for i, read in enumerate(sequence.learned):
        assert made["learned"][i] == (read is not None)
        if read is None:
            continue
        assert made["following"][i] == i + read.rewards <= whole
        np.testing.assert_allclose(made["reward"][i], read.reward, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(made["discount"][i], read.discount, rtol=1e-5)
        if "next_mask" in made and not read.terminated:
            np.testing.assert_array_equal(made["next_mask"][i], read.following["mask"])


def numbers(stack):
    return [number_of_image(frame[0]) for frame in stack]


def assert_read_as_history_grows(both, history, data, shape, stack=None):
    for i, event in enumerate(history):
        both.hear(event)
        if i % 3 == 0 or i == len(history) - 1:
            n = data.draw(st.integers(1, shape[2]))
            assert_sequences(both, shape, n, data.draw(st.sampled_from([1.0, 0.5])), stack)


@SOME
@given(history=histories(KIND), capacity=st.integers(1, 50), shape=SHAPES, data=st.data())
def test_sequences_are_drawn_once_complete_or_closed_and_read_as_the_rules_say(history, capacity, shape, data):
    assert_read_as_history_grows(Both(KIND, capacity, reading=sequences(shape)), history, data, shape)


@SOME
@given(history=histories(IMAGE), capacity=st.integers(1, 50), shape=SHAPES, stack=st.integers(1, 3), data=st.data())
def test_sequences_of_stacks_begin_where_the_stack_is_whole(history, capacity, shape, stack, data):
    assert_read_as_history_grows(Both(IMAGE, capacity, reading=sequences(shape, stack)), history, data, shape, stack)


@settings(max_examples=8, deadline=None)
@given(history=histories(IMAGE), capacity=st.integers(1, 40), shape=SHAPES, data=st.data())
def test_sequences_on_a_device_are_read_alike(history, capacity, shape, data):
    pytest.importorskip("torch")
    both = Both(IMAGE, capacity, device="cpu", reading=sequences(shape, 2))
    assert_read_as_history_grows(both, history, data, shape, 2)
    both.move(capacity)
    assert_sequences(both, shape, shape[2], 0.5, 2)


@SOME
@given(history=histories(IMAGE), capacities=st.lists(st.integers(1, 40), min_size=2, max_size=3), data=st.data())
def test_loaded_sequences_go_on_as_the_saved_ones_did(history, capacities, data):
    shape, stack = data.draw(SHAPES), data.draw(st.sampled_from([None, 2]))
    both = Both(IMAGE, capacities[0], reading=sequences(shape, stack))
    for capacity in capacities:
        middle = data.draw(st.integers(0, len(history)))
        for event in history[:middle]:
            both.hear(event)
        history = history[middle:]
        both.move(capacity)
        assert_sequences(both, shape, shape[2], 0.5, stack)
    assert_read_as_history_grows(both, history, data, shape, stack)


def steps(count, *, first=0, **last):
    """Rows of one stream; the last one has these attributes."""
    rows = [Made(0, i, i + 1, i + 2, start=i == 0) for i in range(first, first + count)]
    if last:
        rows[-1] = Made(0, first + count - 1, first + count, first + count + 1, count == 1 and not first, **last)
    return Message("client", rows, build(rows, KIND))


@pytest.mark.parametrize(("rows", "drawn"), [(5, 0), (6, 1), (7, 1), (8, 2)])
def test_sequence_is_drawn_once_all_its_steps_are_there(rows, drawn):
    both = Both(KIND, 20, reading=sequences((1, 3, 2)))
    both.hear(steps(rows))
    assert len(both.replay) == drawn  # they begin with the first row and with the third


@pytest.mark.parametrize(
    ("rows", "drawn"),
    [(1, [0]), (3, [0]), (6, [0]), (7, [0, 2]), (8, [0, 2]), (9, [0, 2, 5]), (11, [0, 2, 5]), (12, [0, 2, 5, 8])],
)
def test_of_the_sequences_that_reach_the_end_of_an_episode_only_the_first_is_drawn(rows, drawn):
    both = Both(KIND, 20, reading=sequences((1, 3, 2)))
    both.hear(steps(rows, end=TERMINATED))  # states are stored with the rows 2, 5 and 8
    assert both.replay.drawable().tolist() == drawn
    assert_sequences(both, (1, 3, 2), 2, 0.5)


@pytest.mark.parametrize(("rows", "drawn"), [(4, [0]), (6, [0, 2]), (8, [0, 2, 5])])
def test_sequence_is_drawn_behind_a_whole_one_that_reaches_a_break(rows, drawn):
    """The whole one learns nothing of its last rows, since their returns need what follows."""
    both = Both(KIND, 20, reading=sequences((1, 3, 2)))
    both.hear(steps(rows))
    both.hear(steps(1, first=rows + 3))
    assert both.replay.drawable().tolist() == drawn
    assert_sequences(both, (1, 3, 2), 2, 0.5)


@pytest.mark.parametrize("rows", range(1, 40))
def test_rows_of_an_episode_are_learned_from_about_equally_often(rows):
    """Sequences that learn from 6 rows each begin 3 rows apart, and learn from 2 more where their last returns end with
    the episode: most rows are in two, none in more than three, and the last one in no more than others."""
    both = Both(KIND, 50, reading=sequences((3, 6, 2)))
    both.hear(steps(rows, end=TERMINATED))
    slots = both.replay.drawable()
    learned = both.replay.read(slots, n_step=2, gamma=0.5)["learned"]
    times = np.zeros(100)
    for slot, of_sequence in zip(slots, learned, strict=True):
        times[slot : slot + len(of_sequence)] += of_sequence
    assert times[:rows].min() >= 1 and times[:rows].max() <= 3 and times[rows - 1] <= 2
    assert not times[rows:].any()


def test_rows_before_a_whole_stack_do_not_stand_for_the_sequence_behind_them():
    """A row behind a break has a state, and a stack that is not whole: the next sequence has the rows up to the end."""
    both = Both(IMAGE, 20, reading=sequences((0, 3, 1), 2))
    rows = [Made(0, i, i + 1, i + 2, end=TERMINATED if i == 4 else 0) for i in range(1, 5)]
    both.hear(Message("client", rows, build(rows, IMAGE)))
    assert both.replay.drawable().tolist() == [2]  # the rows observe 2, 3, 4, 5: states are stored with 2 and 4
    assert_sequences(both, (0, 3, 1), 1, 0.5, 2)


def test_loss_of_the_client_closes_its_sequences():
    both = Both(KIND, 20, reading=sequences((1, 3, 2)))
    both.hear(steps(7))
    both.replay.forget(frozenset({"client"}))
    assert both.replay.drawable().tolist() == [0]
    both.replay.forget(frozenset({"other"}))
    assert both.replay.drawable().tolist() == [0, 2]


def test_row_that_comes_when_the_one_before_is_overwritten_still_belongs_to_its_episode():
    """What is drawn of an episode does not depend on how much comes from others meanwhile."""
    shape = (1, 3, 2)
    both = Both(KIND, 7, reading=sequences(shape))
    both.hear(steps(4))
    others = [Made(1, i, 100 + i, 101 + i, start=i == 0) for i in range(6)]
    both.hear(Message("client", others, build(others, KIND)))
    both.hear(steps(2, first=4, end=TERMINATED))  # a state is stored with row 5, and the first sequence had them all
    assert_sequences(both, shape, 2, 0.5)
    assert both.oracle.rows[-1].values.keys() >= {"state"} and not both.replay._reader.usable[11 % 7]


def test_sequence_is_not_drawn_when_only_its_end_could_be_learned_from_and_more_follows():
    both = Both(KIND, 20, reading=sequences((0, 1, 2)))
    late = [Made(0, i, i + 1, i + 2, start=i == 0, end=DISCARDED) for i in range(2)]
    both.hear(Message("client", late, build(late, KIND)))
    both.hear(steps(1, first=2))
    both.hear(steps(1, first=3))
    assert_sequences(both, (0, 1, 2), 2, 0.5)
    assert both.replay.rows == 4 and both.replay.drawable().tolist() == []


def test_sequence_of_which_all_is_discarded_is_never_drawn():
    both = Both(KIND, 20, reading=sequences((1, 1, 1)))
    both.hear(steps(1, end=DISCARDED))
    both.replay.forget(frozenset())
    assert len(both.replay) == 0
