"""Messages of steps: what is encoded arrives unchanged; what does not fit is rejected with a reason and its sender."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soulsai_core.errors import WireError
from soulsai_core.messages import ArraySpec
from soulsai_core.steps import Closed, End, Sparse, StepBatch, continued, has_after
from soulsai_core.wire import REASONS, StepDecoder, encode_steps

COLUMNS = {
    "action": ArraySpec((), "uint8", 0, 3),
    "mask": ArraySpec((4,), "bool"),
    "observation": ArraySpec((2,), "float32"),
    "reward": ArraySpec((), "float32"),
    "state": ArraySpec((2,), "float32", sparse=True),
    "value": ArraySpec((), "float32", -5, 5),
}
OBSERVED = {"observation", "mask"}
TABLE = ((0, 0, 2, 7, 0, 1, End.GOES_ON), (2, 5, 1, 8, 0, 0, End.TERMINATED))


def steps(table=TABLE, *, sparse=None, closed=None, after=None, **other):
    """Steps with this table, one row of `after` for each segment that has one."""
    segments = np.array(table, np.int64).reshape(-1, 7)
    rows = int(segments[:, 2].sum())
    followed = int(has_after(segments).sum())
    columns = {
        "action": np.arange(rows, dtype=np.uint8) % 4,
        "mask": np.ones((rows, 4), np.bool_),
        "observation": np.full((rows, 2), 0.5, np.float32),
        "reward": np.zeros(rows, np.float32),
        "value": np.zeros(rows, np.float32),
    }
    observed = {"observation": np.full((followed, 2), 0.25, np.float32), "mask": np.ones((followed, 4), np.bool_)}
    return StepBatch(segments, {**columns, **other}, {**observed, **(after or {})}, sparse or {}, closed)


def decoder(columns=COLUMNS, observed=OBSERVED, **options):
    return StepDecoder(columns, observed, **options)


def sent(made, client="c", number=1):
    return encode_steps("s", client, number, made)


def rejection(data, columns=COLUMNS, **options):
    with pytest.raises(WireError) as caught:
        decoder(columns, **options).decode(data)
    assert caught.value.reason in REASONS
    return caught.value


def same(came, gone):
    return (came.dtype, came.shape, came.tobytes()) == (gone.dtype, gone.shape, gone.tobytes())


# -- messages that fit

DTYPES = st.sampled_from(["bool", "uint8", "int8", "uint16", "int32", "int64", "float16", "float32", "float64"])
SHAPES = st.lists(st.integers(0, 3), max_size=3).map(tuple)
LAYOUTS = st.dictionaries(st.text(max_size=8), st.tuples(DTYPES, SHAPES, st.sampled_from("dos")), max_size=5)


@st.composite
def tables(draw):
    """Of several streams in the order of time, with gaps and without."""
    table = []
    position = 0
    for stream in sorted(draw(st.lists(st.integers(0, 9), max_size=4))):
        same_stream = table and table[-1][0] == stream
        position = (table[-1][1] + table[-1][2] if same_stream else 0) + draw(st.integers(0, 2))
        rows = draw(st.integers(1, 3))
        rest = [draw(st.integers(0, most)) for most in (2**53 - 1, 3, 1, 3)]
        table.append([stream, position, rows, *rest])
    return np.array(table, np.int64).reshape(-1, 7)


@st.composite
def layouts_and_steps(draw):
    """Columns that are dense, observed or sparse, and steps in them."""
    layout = draw(LAYOUTS)
    table = draw(tables())
    layout["reward"] = ("float32", (), "d")
    rows = int(table[:, 2].sum())
    followed = int(has_after(table).sum())
    numbers = {"allow_nan": False, "allow_infinity": False}

    def values(count, dtype, shape):
        return draw(arrays.arrays(dtype, (count, *shape), elements=numbers if "float" in dtype else None))

    made = StepBatch(table, {}, {}, {}, None if rows and draw(st.booleans()) else Closed(3, 2**53 - 1))
    for name, (dtype, shape, kind) in layout.items():
        if kind == "s":
            chosen = np.array(sorted(draw(st.sets(st.integers(0, rows - 1)))) if rows else [], np.int64)
            made.sparse[name] = Sparse(chosen, values(len(chosen), dtype, shape))
            continue
        made.columns[name] = values(rows, dtype, shape)
        if kind == "o":
            made.after[name] = values(followed, dtype, shape)
    return layout, made


@settings(max_examples=50)
@given(layouts_and_steps(), st.text(min_size=1, max_size=20).filter(str.isprintable), st.integers(1, 2**63))
def test_any_steps_arrive_as_they_were_sent(layout_and_steps, client, number):
    layout, gone = layout_and_steps
    specs = {name: ArraySpec(shape, dtype, sparse=kind == "s") for name, (dtype, shape, kind) in layout.items()}
    message = StepDecoder(specs, gone.after.keys()).decode(encode_steps("a training", client, number, gone))
    header = message.header
    came = message.steps
    assert (header.run_id, header.client, header.number, header.rows) == ("a training", client, number, len(gone))
    assert same(came.segments, gone.segments) and came.closed == gone.closed
    for part in ("columns", "after"):
        arrived = getattr(came, part)
        was = getattr(gone, part)
        assert arrived.keys() == was.keys() and all(same(arrived[name], was[name]) for name in was)
    assert came.sparse.keys() == gone.sparse.keys()
    assert all(same(a, b) for name in gone.sparse for a, b in zip(came.sparse[name], gone.sparse[name], strict=True))


def test_sparse_column_that_no_row_has_need_not_be_sent_and_arrives_empty():
    came = decoder().decode(sent(steps())).steps.sparse["state"]
    assert came.rows.shape == (0,) and came.values.shape == (0, 2)


def test_arrays_of_the_other_byte_order_arrive_with_the_right_values():
    came = decoder().decode(sent(steps(observation=np.array([[1, 2], [3, 4], [5, 6]], ">f4")))).steps
    assert came.columns["observation"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert came.columns["observation"].dtype == np.dtype("<f4")


def test_arrays_that_are_not_contiguous_arrive_with_the_right_values():
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    came = decoder().decode(sent(steps(observation=wide[:, ::2]))).steps
    assert came.columns["observation"].tolist() == [[0, 2], [4, 6], [8, 10]]


def test_decoded_values_cannot_be_written_to_and_lie_aligned():
    made = steps(sparse={"state": Sparse(np.array([1]), np.ones((1, 2), np.float32))})
    came = decoder().decode(sent(made, "client" * 3)).steps
    values = (*came.columns.values(), *came.after.values())
    assert not any(array.flags.writeable for array in (*values, came.sparse["state"].values))
    assert all(array.flags.aligned for array in values)


def test_message_has_what_is_the_same_for_many_rows_once():
    one, many = (steps([[0, 0, rows, 7, 0, 1, 0]]) for rows in (1, 101))
    row = sum(column.nbytes for column in one.columns.values())
    assert len(sent(many)) - len(sent(one)) == 100 * row


# -- messages that do not fit

WRONG = {
    "unknown_field": steps(extra=np.zeros(3, np.float32)),
    "missing_field": replace(steps(), columns={"reward": np.zeros(3, np.float32)}),
    "dtype": steps(observation=np.zeros((3, 2), np.float64)),
    "shape": steps(observation=np.zeros((3, 4), np.float32)),
    "rows": steps(observation=np.zeros((2, 2), np.float32)),
    "nonfinite": steps(observation=np.array([[0, 0], [np.nan, 0], [0, 0]], np.float32)),
    "bounds": steps(action=np.array([0, 4, 0], np.uint8)),
    "segments": replace(steps(), segments=steps().segments[::-1]),
}


@pytest.mark.parametrize("reason", WRONG)
def test_message_that_does_not_fit_is_rejected_for_its_reason_with_its_sender_and_rows(reason):
    error = rejection(sent(WRONG[reason], "gaming-pc", 7))
    assert (error.reason, error.client, error.number, error.rows) == (reason, "gaming-pc", 7, 3)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("observation", np.array([[0, 0], [0, np.inf], [0, 0]], np.float32), "nonfinite"),
        ("observation", np.array([[0, 0], [0, -np.inf], [0, 0]], np.float32), "nonfinite"),
        ("value", np.array([0, 0, -5.5], np.float32), "bounds"),
        ("mask", np.full((3, 4), 2, np.uint8).view(np.bool_), "bounds"),
    ],
)
def test_values_that_no_learner_could_use_are_rejected(column, values, reason):
    assert rejection(sent(steps(**{column: values}))).reason == reason


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("observation", np.full((1, 2), np.nan, np.float32), "nonfinite"),
        ("mask", np.full((1, 4), 2, np.uint8).view(np.bool_), "bounds"),
    ],
)
def test_what_followed_the_rows_is_checked_against_the_same_bounds(column, values, reason):
    assert rejection(sent(steps(after={column: values}))).reason == reason


@pytest.mark.parametrize(
    ("row", "changed"),
    [(0, {0: -1}), (0, {1: -1}), (0, {3: -1}), (0, {3: 2**53}), (0, {1: 2**53}), (1, {4: 4}), (1, {5: 2}), (1, {6: 4})],
)
def test_numbers_that_no_segment_can_have_are_rejected(row, changed):
    made = steps()
    for column, value in changed.items():
        made.segments[row, column] = value
    assert rejection(sent(made)).reason == "segments"


@pytest.mark.parametrize("table", [(0,) * 6, (0,) * 8, (2**63,) * 14, (0, 0, 3, 2**64 - 1, 0, 0, 0)])
def test_numbers_that_make_no_table_are_rejected(seal, table):
    data = seal(sent(steps()), lambda header: msgspec.structs.replace(header, segments=table))
    assert rejection(data).reason == "segments"


def test_client_has_no_more_streams_than_are_announced():
    table = [[stream, 0, 1, 7, 0, 1, 0] for stream in range(4096)]
    assert rejection(sent(steps(table))).reason == "segments"
    assert "stream 3" in str(rejection(sent(steps(table[:4])), max_streams=3))
    assert len(decoder(max_streams=4).decode(sent(steps(table[:4]))).steps) == 4


def test_what_follows_a_row_is_computed_from_the_table_alone(seal):
    """No number that is sent can link a row to another one: a table that needs more or fewer entries of `after` than
    the body has is rejected."""
    gone_on = [[0, 0, 2, 7, 0, 1, 0], [0, 2, 1, 8, 0, 0, 0]]
    apart = [[0, 0, 2, 7, 0, 1, 0], [0, 3, 1, 8, 0, 0, 0]]
    assert continued(np.array(gone_on)).tolist() == [True, False]
    claims = lambda header: msgspec.structs.replace(header, segments=tuple(np.ravel(apart).tolist()))  # noqa: E731
    assert rejection(seal(sent(steps(gone_on)), claims)).reason == "rows"
    came = decoder().decode(sent(steps(apart))).steps
    assert came.has_after.tolist() == [True, True] and len(came.after["observation"]) == 2


@pytest.mark.parametrize("rows", [[2, 1], [1, 1], [1, 3]], ids=["descending", "twice", "beyond"])
def test_row_numbers_of_a_sparse_column_ascend_within_the_message(rows):
    made = steps(sparse={"state": Sparse(np.array(rows), np.zeros((2, 2), np.float32))})
    assert rejection(sent(made)).reason == "rows"


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("state", np.full((1, 2), np.nan, np.float32), "nonfinite"),
        ("state", np.zeros((1, 2), np.float64), "dtype"),
        ("state", np.zeros((1, 3), np.float32), "shape"),
        ("value", np.zeros(1, np.float32), "unknown_field"),
    ],
)
def test_sparse_values_are_checked_against_their_column(name, values, reason):
    made = steps(sparse={name: Sparse(np.array([0]), values)})
    assert rejection(sent(made)).reason == reason


@pytest.mark.parametrize("counts", [(0,), (2,), (2**40,), (-1,), (1, 1), (), (2**64 - 1,)])
def test_number_of_sparse_rows_that_does_not_make_the_body_is_rejected(seal, counts):
    made = steps(sparse={"state": Sparse(np.array([1]), np.ones((1, 2), np.float32))})
    data = seal(sent(made), lambda header: msgspec.structs.replace(header, counts=counts))
    assert rejection(data).reason in ("rows", "header")


def test_message_without_rows_is_rejected_unless_it_closes_the_quota():
    assert rejection(sent(steps([]))).reason == "rows"
    came = decoder().decode(sent(steps([], closed=Closed(4, 128)))).steps
    assert len(came) == 0 and came.closed == Closed(4, 128) and came.segments.shape == (0, 7)


@pytest.mark.parametrize("closed", [(-1, 5), (5, -1), (2**53, 1), (2**64 - 1, 1), (1, 2, 3), (1,), 5])
def test_closed_quota_with_impossible_numbers_is_rejected(seal, closed):
    data = seal(sent(steps([], closed=Closed(4, 128))), lambda h: {**msgspec.structs.asdict(h), "closed": closed})
    assert rejection(data).reason == "header"


def test_message_over_the_limit_is_rejected_and_one_at_the_limit_is_not():
    data = sent(steps())
    assert rejection(data, max_bytes=len(data) - 1).reason == "oversized"
    assert len(decoder(max_bytes=len(data)).decode(data).steps) == 3


@pytest.mark.parametrize(
    ("client", "number"), [("", 1), ("x" * 129, 1), ("c", 0), ("c", -5), ("c\x1b[2J", 1), ("c\n", 1)]
)
def test_sender_without_usable_name_or_number_is_rejected_with_a_short_name(client, number):
    error = rejection(sent(steps(), client, number))
    assert error.reason == "header" and len(error.client) <= 128 and error.number is None
    assert error.client.isprintable()


def test_names_from_outside_are_cut_and_printable_in_the_sentence():
    error = rejection(sent(steps(**{"\x1b" + "n" * 5000: np.zeros(3)})))
    assert error.reason == "unknown_field" and len(str(error)) < 300 and str(error).isprintable()


def test_columns_in_another_order_or_twice_are_rejected(seal):
    def twice(header):
        return msgspec.structs.replace(header, columns=(header.columns[0], *header.columns))

    def reversed_(header):
        return msgspec.structs.replace(header, columns=header.columns[::-1])

    assert rejection(seal(sent(steps()), reversed_)).reason == "header"
    assert rejection(seal(sent(steps()), twice)).reason == "header"


@pytest.mark.parametrize(
    ("rows", "reason"), [(0, "rows"), (-1, "rows"), (2, "segments"), (4, "segments"), (2**62, "segments")]
)
def test_number_of_rows_that_the_segments_do_not_make_is_rejected(seal, rows, reason):
    error = rejection(seal(sent(steps()), lambda header: msgspec.structs.replace(header, rows=rows)))
    assert (error.reason, error.client) == (reason, "c")
    assert 1 <= error.rows <= len(sent(steps())), "no more rows are counted than there are bytes"


@pytest.mark.parametrize("rows", [2, 4, 2**31, 2**52])
def test_number_of_rows_that_does_not_make_the_body_is_rejected(seal, rows):
    table = (0, 0, rows, 7, 0, 1, 0)
    made = steps([(0, 0, 3, 7, 0, 1, 0)])
    data = seal(sent(made), lambda header: msgspec.structs.replace(header, rows=rows, segments=table))
    assert rejection(data).reason == "rows"


def test_many_numbers_at_their_bounds_pass_though_their_squares_add_up_beyond():
    table = [[0, 0, 1000, 7, 0, 1, 0]]
    values = np.full(1000, -4.5, np.float32)
    assert len(decoder().decode(sent(steps(table, value=values))).steps) == 1000
    values[999] = 5.5
    assert rejection(sent(steps(table, value=values))).reason == "bounds"
    values[999] = np.nan
    assert rejection(sent(steps(table, value=values))).reason == "nonfinite"
