"""Recorded steps: the table read row by row, parts of a batch, and one-step transitions, against the oracle."""

from dataclasses import replace

import histories
import numpy as np
import pytest
from histories import DISCARDED, TERMINATED, TRUNCATED, Kind, Made, build
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle

from soulsai_core.messages import ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete
from soulsai_core.steps import (
    ITERATION,
    SOURCE,
    STREAM,
    Closed,
    End,
    Source,
    Sparse,
    action_column,
    after_rows,
    continued,
    has_after,
    segments_error,
    step_columns,
)

KIND = Kind(masked=True, timed=True, image=True, stored=3)
ROWS = histories.messages(KIND)
FEW = settings(max_examples=20, deadline=None)


def assert_same(one, other):
    """Two batches are equal in everything."""
    assert one.segments.tolist() == other.segments.tolist() and one.segments.dtype == np.int64
    for mine, theirs in ((one.columns, other.columns), (one.after, other.after)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            assert mine[name].dtype == theirs[name].dtype and mine[name].shape == theirs[name].shape, name
            np.testing.assert_array_equal(mine[name], theirs[name])
    assert one.sparse.keys() == other.sparse.keys()
    for name in one.sparse:
        assert one.sparse[name].rows.tolist() == other.sparse[name].rows.tolist()
        np.testing.assert_array_equal(one.sparse[name].values, other.sparse[name].values)
    assert one.closed == other.closed


def runs(*lengths, **changes):
    """Rows of one stream in runs of these lengths, with a position left out between two runs."""
    rows = []
    position = 0
    number = 1
    for length in lengths:
        for _ in range(length):
            rows.append(Made(0, position, number, number + 1, **changes))
            position = position + 1
            number = number + 1
        position = position + 1
        number = number + 1
    return rows


# -- the table, row by row


@FEW
@given(ROWS)
def test_table_read_row_by_row_gives_what_was_recorded(rows):
    steps = build(rows, KIND)
    assert segments_error(steps.segments, len(rows), 2) is None
    assert len(steps) == len(rows)
    assert steps.positions.tolist() == [row.position for row in rows]
    assert steps.starts.tolist() == [row.start for row in rows] and steps.starts.dtype == np.bool_
    assert steps.ends.tolist() == [row.end for row in rows] and steps.ends.dtype == np.uint8
    for column, name in ((STREAM, "stream"), (ITERATION, "iteration"), (SOURCE, "source")):
        assert steps.per_row(column).tolist() == [getattr(row, name) for row in rows]


@FEW
@given(ROWS)
def test_what_followed_is_sent_with_each_segment_whose_value_goes_on_beyond_the_batch(rows):
    steps = build(rows, KIND)
    for segment, last in enumerate(steps.lasts.tolist()):
        row = rows[last]
        following = rows[last + 1] if last + 1 < len(rows) else None
        together = (
            following is not None
            and (row.stream, row.position + 1) == (following.stream, following.position)
            and not following.start
            and row.end not in (TERMINATED, TRUNCATED)
        )
        assert steps.continued[segment] == together
        assert steps.has_after[segment] == (row.end == TRUNCATED or (row.end == 0 and not together))
    assert {len(kept) for kept in steps.after.values()} == {int(steps.has_after.sum())} == {after_rows(steps.segments)}


def test_table_without_segments_has_no_rows():
    steps = build([], KIND)
    assert len(steps) == 0 and segments_error(steps.segments, 0, 2) is None
    assert not continued(steps.segments).size and not has_after(steps.segments).size
    assert not len(steps.positions) and not len(steps.starts) and not len(steps.ends)
    assert list(steps.split(3)) == [steps]
    assert len(steps.transitions()) == 0


# -- parts


@FEW
@given(ROWS, st.randoms())
def test_selected_segments_are_what_would_have_been_sent_of_these_rows_alone(rows, random):
    steps = build(rows, KIND, Closed(3, 70))
    keep = np.array([random.random() < 0.6 for _ in steps.segments], np.bool_)
    kept = np.repeat(keep, steps.segments[:, 2])
    expected = build([row for row, there in zip(rows, kept, strict=True) if there], KIND, Closed(3, 70))
    assert_same(steps.select(keep), expected)


@FEW
@given(ROWS, st.integers(1, 12))
def test_part_is_what_would_have_been_sent_of_its_rows_alone(rows, size):
    steps = build(rows, KIND, Closed(3, 70))
    for start in range(0, len(rows), 3):  # other parts than those of `split`, which overlap
        stop = min(start + size, len(rows))
        expected = build(rows[start:stop], KIND, Closed(3, 70) if stop == len(rows) else None)
        assert_same(steps.part(start, stop), expected)


@FEW
@given(ROWS, st.integers(1, 7))
def test_split_gives_parts_with_all_rows_in_order_of_which_the_last_one_is_closed(rows, size):
    steps = build(rows, KIND, Closed(3, 70))
    parts = list(steps.split(size))
    assert [len(part) for part in parts] == [min(size, len(rows) - i) for i in range(0, max(len(rows), 1), size)]
    for name, column in steps.columns.items():
        np.testing.assert_array_equal(np.concatenate([part.columns[name] for part in parts]), column)
    assert [part.closed for part in parts] == [None] * (len(parts) - 1) + [Closed(3, 70)]
    first = 0
    for part in parts:
        assert_same(part, build(rows[first : first + size], KIND, part.closed))
        first += size


@FEW
@given(ROWS, st.integers(1, 7), st.randoms())
def test_part_of_a_selection_of_a_part_keeps_what_followed_each_row(rows, size, random):
    for i, part in enumerate(build(rows, KIND).split(size)):
        keep = np.array([random.random() < 0.7 for _ in part.segments], np.bool_)
        kept = np.repeat(keep, part.segments[:, 2])
        there = [row for row, k in zip(rows[i * size : (i + 1) * size], kept, strict=True) if k]
        for k in range(0, len(there), 2):
            assert_same(part.select(keep).part(k, k + 2), build(there[k : k + 2], KIND))


def test_batch_is_not_copied_where_all_of_it_is_kept():
    steps = build(runs(3, 2), KIND)
    assert steps.select(np.ones(2, np.bool_)) is steps and steps.part(0, 5) is steps
    assert list(steps.split(5)) == [steps]


def test_closed_stays_with_a_batch_that_lost_all_its_rows():
    steps = build(runs(3), KIND, Closed(1, 3)).select(np.zeros(1, np.bool_))
    assert len(steps) == 0 and steps.closed == Closed(1, 3)
    assert all(len(column) == 0 for column in (*steps.columns.values(), *steps.after.values()))


def test_other_columns_leave_table_sparse_columns_and_closing_as_they_are():
    steps = build(runs(3), KIND, Closed(1, 3))
    doubled = {"reward": steps.columns["reward"] * 2}
    changed = steps.with_columns(doubled, {})
    assert changed.columns is doubled and changed.after == {}
    assert changed.segments is steps.segments and changed.closed == steps.closed and changed.sparse is steps.sparse


# -- transitions


def assert_transitions(steps):
    oracle = Oracle()
    oracle.take(steps, "client")
    learnable = [row for row in oracle.rows if row.end != DISCARDED]
    made = steps.transitions()
    assert len(made) == len(learnable)
    assert made.iteration.tolist() == [row.iteration for row in learnable]
    assert made.terminated.tolist() == [row.end == TERMINATED for row in learnable]
    assert made.ended.tolist() == [row.end in (TERMINATED, TRUNCATED) for row in learnable]
    for i, row in enumerate(learnable):
        read = oracle.returned(row, 1, 0.5)
        assert made.rewards[i] == read.reward and made.actions[i] == row.values["action"]
        for name, column in made.observations.items():
            np.testing.assert_array_equal(column[i], row.values[name])
            if not read.terminated:
                np.testing.assert_array_equal(made.next_observations[name][i], read.following[name])
        for name, column, following in (("mask", made.masks, made.next_masks), ("duration", made.durations, None)):
            assert (column is None) == (name not in row.values)
            if column is not None:
                np.testing.assert_array_equal(column[i], row.values[name])
            if following is not None and not read.terminated:
                np.testing.assert_array_equal(following[i], read.following[name])
    return made


@FEW
@given(ROWS)
def test_transitions_are_complete_and_follow_the_rules(rows):
    made = assert_transitions(build(rows, KIND))
    assert made.observations.keys() == {"observation", "image"} and not made.own
    learnable = [row for row in rows if row.end != DISCARDED]
    seen = zip(made.next_observations["observation"], learnable, strict=True)
    assert all(histories.number_of(o) == row.followed for o, row in seen if row.end != TERMINATED)


@FEW
@given(ROWS, st.integers(1, 5), st.randoms())
def test_each_part_can_be_learned_from_by_itself(rows, size, random):
    steps = build(rows, Kind())
    keep = np.array([random.random() < 0.7 for _ in steps.segments], np.bool_)
    for part in steps.select(keep).split(size):
        assert_transitions(part)


def test_transitions_have_the_columns_of_the_actor_except_sparse_ones():
    kind = Kind(stored=2, valued=True)
    rows = runs(4)
    rows[1] = replace(rows[1], end=DISCARDED)
    made = build(rows, kind).transitions()
    assert made.own.keys() == {"value", "best"}
    assert made.own["value"].tolist() == [row.number / 8 for row in rows if row.end != DISCARDED]


def test_row_before_a_discarded_one_is_bootstrapped_from_what_was_observed_there():
    rows = runs(3)
    rows[1] = replace(rows[1], end=DISCARDED)
    made = build(rows, Kind()).transitions()
    assert made.next_observations["observation"][:, 0].tolist() == [2.0, 4.0]
    assert not made.ended.any()


# -- errors in tables


def valid(table, rows, max_streams):
    """The rules of a table, cell by cell."""
    total = 0
    before = None
    for stream, position, count, iteration, source, start, end in table:
        within = 0 <= stream < max_streams and 0 <= position < 2**53 and 0 <= iteration < 2**53
        within &= 1 <= count <= rows and source in list(Source) and start in (0, 1) and end in list(End)
        ordered = before is None or stream > before[0] or (stream == before[0] and position >= before[1])
        if not within or not ordered:
            return False
        total = total + count
        before = (stream, position + count)
    return total == rows


@settings(max_examples=60, deadline=None)
@given(ROWS, st.data())
def test_changed_table_has_an_error_exactly_where_it_breaks_a_rule(rows, data):
    table = build(rows, Kind()).segments.copy()
    if len(table) == 0:
        return
    for _ in range(data.draw(st.integers(1, 2))):
        row = data.draw(st.integers(0, len(table) - 1))
        column = data.draw(st.integers(0, 6))
        number = int(table[row, column])
        near = st.integers(max(number - 2, -(2**63)), min(number + 2, 2**63 - 1))
        table[row, column] = data.draw(near | st.sampled_from([-(2**63), -1, 0, 1, 4, 2**53 - 1, 2**53, 2**63 - 1]))
    found = segments_error(table, len(rows), 2)
    assert (found is None) == valid(table.tolist(), len(rows), 2), found


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({(0, 0): 2}, "stream 2, where a client has at most 2"),
        ({(0, 1): -1}, "out of range"),
        ({(0, 3): 2**53}, "out of range"),
        ({(0, 4): 4}, "start, source or end of a segment has an unknown value"),
        ({(0, 5): 2}, "start, source or end of a segment has an unknown value"),
        ({(0, 6): 4}, "start, source or end of a segment has an unknown value"),
        ({(0, 2): 0}, "do not make 5 rows"),
        ({(1, 2): 3}, "do not make 5 rows"),
        ({(0, 2): -1, (1, 2): 6}, "do not make 5 rows"),
        ({(1, 1): 2}, "order of time"),
    ],
)
def test_error_of_a_table_is_a_sentence(change, words):
    table = build(runs(3, 2), Kind()).segments.copy()
    for cell, value in change.items():
        table[cell] = value
    assert words in segments_error(table, 5, 2)


def test_rows_whose_sum_overflows_to_the_right_number_are_an_error():
    count = 2**52
    table = np.array([[0, 0, 1, 0, 0, 0, 0], *([i, 0, count, 0, 0, 0, 0] for i in range(1, 2**12 + 1))], np.int64)
    assert int(table[:, 2].sum()) == 1
    assert "do not make 1 rows" in segments_error(table, 1, 2**13)


# -- the columns of a run


def test_columns_of_steps_are_those_of_the_environment_and_the_actor():
    spec = EnvSpec(
        "all",
        {"observation.a": ArraySpec((2,), "float32", -1, 1), "observation.b": ArraySpec((), "uint8", 0, 255)},
        Discrete(300),
        masked=True,
        timed=True,
    )
    own = {"value": ArraySpec((), "float32"), "state": ArraySpec((4,), "float32", -1, 1, sparse=True)}
    columns = step_columns(spec, own, 1e6)
    assert columns == {
        "observation.a": ArraySpec((2,), "float32", -3, 3),
        "observation.b": ArraySpec((), "uint8"),
        "action": ArraySpec((), "uint16", 0, 299),
        "reward": ArraySpec((), "float32", -1e6, 1e6),
        "mask": ArraySpec((300,), "bool"),
        "duration": ArraySpec((), "float32", 0.0, 1e6),
        "value": ArraySpec((), "float32", -1e6, 1e6),
        "state": ArraySpec((4,), "float32", -1, 1, sparse=True),
    }


def test_columns_that_the_environment_does_not_report_are_not_there():
    spec = EnvSpec("plain", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
    assert step_columns(spec, {}, np.inf).keys() == {"observation", "action", "reward"}
    assert step_columns(spec, {}, np.inf)["reward"] == ArraySpec((), "float32")


@pytest.mark.parametrize("name", ["observation", "action", "reward", "mask", "duration"])
def test_own_column_with_a_name_that_every_step_has_is_refused(name):
    spec = EnvSpec("all", {"observation": ArraySpec((2,), "float32")}, Discrete(2), masked=True, timed=True)
    with pytest.raises(ValueError, match=f"own column '{name}'"):
        step_columns(spec, {name: ArraySpec((), "float32")}, 1e6)


@pytest.mark.parametrize(
    ("action", "column"),
    [
        (Discrete(1), ArraySpec((), "uint8", 0, 0)),
        (Discrete(256), ArraySpec((), "uint8", 0, 255)),
        (Discrete(257), ArraySpec((), "uint16", 0, 256)),
        (Discrete(2**16 + 1), ArraySpec((), "uint32", 0, 2**16)),
        (MultiDiscrete((3, 300)), ArraySpec((2,), "uint16", 0, 299)),
    ],
)
def test_discrete_actions_are_recorded_in_the_smallest_integers(action, column):
    assert action_column(action) == column


def test_continuous_actions_are_recorded_as_they_are():
    made = action_column(Continuous((2,), (0.0, 0.0), (1.0, 1.0)))
    assert made == ArraySpec((2,), "float32")


def test_sparse_rows_move_with_the_rows_that_have_them():
    steps = build(runs(4, 4), Kind(stored=3))
    assert steps.sparse["state"].rows.tolist() == [2, 4, 7]
    part = steps.part(3, 8).sparse["state"]
    assert isinstance(part, Sparse) and part.rows.tolist() == [1, 4]
    assert part.values[:, 0].tolist() == [6.0, 9.0]
