"""Sample messages: what is encoded arrives as it was; what does not fit is refused with a reason and its sender."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from soulsai_core.errors import WireError
from soulsai_core.messages import ArraySpec, SampleBatch
from soulsai_core.wire import ITERATION, REASONS, SampleDecoder, encode_samples

COLUMNS = {"action": ArraySpec((), "int64", 0, 3), "done": ArraySpec((), "bool"), "x": ArraySpec((2,), "float32")}


def batch(rows=3, **other):
    columns = {
        "action": np.arange(rows) % 4,
        "done": np.zeros(rows, np.bool_),
        "x": np.full((rows, 2), 0.5, np.float32),
    }
    return SampleBatch(np.arange(rows, dtype=np.int64), {**columns, **other})


def refusal(data, columns=COLUMNS, **options):
    with pytest.raises(WireError) as caught:
        SampleDecoder(columns, **options).decode(data)
    assert caught.value.reason in REASONS
    return caught.value


dtypes = st.sampled_from(["bool", "uint8", "int8", "uint16", "int32", "int64", "float16", "float32", "float64"])
shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
names = st.text(max_size=8).filter(lambda name: name != ITERATION)
layouts = st.dictionaries(names, st.tuples(dtypes, shapes), max_size=5)


@st.composite
def layout_and_batch(draw):
    layout = draw(layouts)
    rows = draw(st.integers(1, 4))
    numbers = {"allow_nan": False, "allow_infinity": False}
    columns = {
        name: draw(arrays.arrays(dtype, (rows, *shape), elements=numbers if "float" in dtype else None))
        for name, (dtype, shape) in layout.items()
    }
    iteration = draw(arrays.arrays("int64", rows, elements=st.integers(0, 2**62)))
    return layout, SampleBatch(iteration, columns)


@given(layout_and_batch(), st.text(min_size=1, max_size=20), st.integers(1, 2**63))
def test_any_columns_arrive_as_they_were_sent(layout_and_batch, client, number):
    layout, sent = layout_and_batch
    decoder = SampleDecoder({name: ArraySpec(shape, dtype) for name, (dtype, shape) in layout.items()})
    message = decoder.decode(encode_samples("a training", client, number, sent))
    header, came = message.header, message.batch
    assert (header.session, header.client, header.number, header.rows) == ("a training", client, number, len(sent))
    assert came.iteration.dtype == np.int64 and np.array_equal(came.iteration, sent.iteration)
    assert came.columns.keys() == sent.columns.keys()
    for name, column in sent.columns.items():
        assert came.columns[name].dtype == column.dtype and came.columns[name].shape == column.shape
        assert came.columns[name].tobytes() == column.tobytes()


def test_arrays_of_the_other_byte_order_arrive_with_the_right_values():
    sent = batch(x=np.array([[1, 2], [3, 4], [5, 6]], ">f4"), action=np.array([3, 2, 1], ">i8"))
    came = SampleDecoder(COLUMNS).decode(encode_samples("s", "c", 1, sent)).batch
    assert came.columns["x"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert came.columns["action"].tolist() == [3, 2, 1]
    assert came.columns["x"].dtype == np.dtype("<f4")


def test_arrays_that_are_not_contiguous_arrive_with_the_right_values():
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    came = SampleDecoder(COLUMNS).decode(encode_samples("s", "c", 1, batch(x=wide[:, ::2]))).batch
    assert came.columns["x"].tolist() == [[0, 2], [4, 6], [8, 10]]


def test_decoded_arrays_cannot_be_written_to():
    came = SampleDecoder(COLUMNS).decode(encode_samples("s", "c", 1, batch())).batch
    assert not any(array.flags.writeable for array in (came.iteration, *came.columns.values()))


WRONG = {
    "unknown_field": batch(reward=np.zeros(3, np.float32)),
    "missing_field": SampleBatch(np.arange(3), {"x": np.zeros((3, 2), np.float32)}),
    "dtype": batch(x=np.zeros((3, 2), np.float64)),
    "shape": batch(x=np.zeros((3, 4), np.float32)),
    "rows": batch(x=np.zeros((2, 2), np.float32)),
    "nonfinite": batch(x=np.array([[0, 0], [np.nan, 0], [0, 0]], np.float32)),
    "bounds": batch(action=np.array([0, 4, 0])),
}


@pytest.mark.parametrize("reason", WRONG)
def test_message_that_does_not_fit_is_refused_for_its_reason_and_names_its_sender(reason):
    error = refusal(encode_samples("s", "gaming-pc", 7, WRONG[reason]))
    assert (error.reason, error.client, error.number) == (reason, "gaming-pc", 7)


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("x", np.array([[0, 0], [0, np.inf], [0, 0]], np.float32), "nonfinite"),
        ("x", np.array([[0, 0], [0, -np.inf], [0, 0]], np.float32), "nonfinite"),
        ("action", np.array([0, 0, -1]), "bounds"),
        ("done", np.array([0, 1, 2], np.uint8).view(np.bool_), "bounds"),
    ],
)
def test_values_that_no_learner_could_use_are_refused(column, values, reason):
    assert refusal(encode_samples("s", "c", 1, batch(**{column: values}))).reason == reason


def test_negative_iteration_is_refused():
    wrong = SampleBatch(np.array([0, -1, 0]), batch().columns)
    assert refusal(encode_samples("s", "c", 1, wrong)).reason == "bounds"


def test_message_without_rows_is_refused():
    assert refusal(encode_samples("s", "c", 1, batch(0))).reason == "rows"


def test_message_over_the_limit_is_refused_and_one_at_the_limit_is_not():
    data = encode_samples("s", "c", 1, batch())
    assert refusal(data, max_bytes=len(data) - 1).reason == "oversized"
    assert len(SampleDecoder(COLUMNS, max_bytes=len(data)).decode(data).batch) == 3


@pytest.mark.parametrize(("client", "number"), [("", 1), ("x" * 129, 1), ("c", 0), ("c", -5)])
def test_sender_without_usable_name_or_number_is_refused_with_a_short_name(client, number):
    error = refusal(encode_samples("s", client, number, batch()))
    assert error.reason == "header" and len(error.client) <= 128 and error.number is None


def test_names_from_outside_are_cut_in_the_message():
    error = refusal(encode_samples("s", "c", 1, batch(**{"n" * 5000: np.zeros(3)})))
    assert error.reason == "unknown_field" and len(str(error)) < 300


def test_columns_in_another_order_or_twice_are_refused(seal):
    def twice(header):
        return msgspec.structs.replace(header, columns=(header.columns[0], *header.columns))

    def reversed_(header):
        return msgspec.structs.replace(header, columns=header.columns[::-1])

    data = encode_samples("s", "c", 1, batch())
    assert refusal(seal(data, reversed_)).reason == "header"
    assert refusal(seal(data, twice)).reason == "header"


@pytest.mark.parametrize("rows", [0, -1, -3, 2, 4, 2**31, 2**62, 2**63])
def test_number_of_rows_that_does_not_make_the_body_is_refused(seal, rows):
    data = encode_samples("s", "c", 1, batch())
    error = refusal(seal(data, lambda header: msgspec.structs.replace(header, rows=rows)))
    assert (error.reason, error.client) == ("rows", "c")


def test_column_named_like_the_iteration_is_refused_at_once():
    with pytest.raises(ValueError, match="iteration"):
        SampleDecoder({"iteration": ArraySpec((), "int64")})


@pytest.mark.parametrize("value", [1e4, -1e4, 3e38])
def test_numbers_of_a_magnitude_that_none_may_have_are_out_of_bounds(value):
    x = np.full((3, 2), 0.5, np.float32)
    x[1, 1] = value
    data = encode_samples("s", "pc", 1, batch(x=x))
    assert refusal(data, max_value=1e3).reason == "bounds"
    assert SampleDecoder(COLUMNS, max_value=3.1e38).decode(data).batch.columns["x"][1, 1] == np.float32(value)


def test_many_numbers_at_their_bounds_pass_though_their_squares_add_up_beyond():
    x = np.full((1000, 2), -9.5, np.float32)
    columns = {**COLUMNS, "x": ArraySpec((2,), "float32", -10.0, 10.0)}
    assert len(SampleDecoder(columns).decode(encode_samples("s", "pc", 1, batch(1000, x=x))).batch) == 1000
    x[999, 1] = 10.5
    assert refusal(encode_samples("s", "pc", 1, batch(1000, x=x)), columns).reason == "bounds"
    x[999, 1] = np.nan
    assert refusal(encode_samples("s", "pc", 1, batch(1000, x=x)), columns).reason == "nonfinite"
