"""Steps of another run in the form in which a training begins with them: row by row what the environment gave there."""

import histories
import numpy as np
import pytest
from histories import Kind, build
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.errors import WireError
from soulsai_core.messages import ArraySpec
from soulsai_core.steps import ITERATION, Closed, left_out, taken, taken_columns
from soulsai_core.wire import StepDecoder, encode_steps

THEIRS = Kind(masked=True, timed=True, image=True, stored=3, valued=True)
ROWS = histories.messages(THEIRS)
OURS = st.builds(
    Kind, masked=st.booleans(), timed=st.booleans(), image=st.booleans(), stored=st.sampled_from([0, 3]),
    valued=st.booleans(),
)  # fmt: skip
MANY = settings(max_examples=40, deadline=None)


def decoder_of(kind):
    return StepDecoder(histories.specs(kind), histories.observed_names(kind)).of_taken()


def sent(steps):
    return encode_steps("ours", "pc", 1, steps)


@MANY
@given(ROWS, OURS)
def test_rows_are_those_that_the_other_run_made_with_the_columns_of_this_one(rows, ours):
    theirs = build(rows, THEIRS, Closed(3, 70))
    decoder = decoder_of(ours)
    steps = taken(theirs, decoder.columns)
    if len(rows):
        steps = decoder.decode(sent(steps)).steps
    given_here = taken_columns(histories.specs(ours), histories.observed_names(ours))
    assert steps.columns.keys() == {name for name, spec in given_here.items() if not spec.sparse}
    assert not steps.columns.keys() & {"value", "best"}
    expected = build(rows, ours)
    for mine, others in ((steps.columns, expected.columns), (steps.after, expected.after)):
        for name, column in mine.items():
            np.testing.assert_array_equal(column, others[name], err_msg=name)
            assert column.dtype == others[name].dtype
    assert steps.positions.tolist() == [row.position for row in rows]
    assert steps.starts.tolist() == [row.start for row in rows]
    assert steps.ends.tolist() == [row.end for row in rows]
    assert not steps.segments[:, ITERATION].any() and steps.closed is None
    assert steps.sparse.keys() == ({"state"} if ours.stored else set())
    for name, column in steps.sparse.items():
        assert column.rows.tolist() == expected.sparse[name].rows.tolist()
        np.testing.assert_array_equal(column.values, expected.sparse[name].values)


@MANY
@given(ROWS, OURS)
def test_what_this_run_does_not_have_is_named_but_for_what_the_other_model_said_of_its_actions(rows, ours):
    columns = decoder_of(ours).columns
    missing = {name: not there for name, there in zip(("mask", "duration", "image"), ours, strict=False)}
    expected = {name for name, absent in missing.items() if absent} | ({"state"} if not ours.stored else set())
    assert left_out(build(rows, THEIRS), columns) == expected


def test_states_of_another_form_are_left_out_and_named():
    columns = {**decoder_of(THEIRS).columns, "state": ArraySpec((7,), "float32", sparse=True)}
    rows = [histories.Made(0, 0, 3, 4, start=True)]
    theirs = build(rows, THEIRS)
    assert "state" not in taken(theirs, columns).sparse
    assert left_out(theirs, columns) == {"state"}


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        ("mask", "column mask is missing"),
        ("duration", "column duration is missing"),
        ("image", "column image is missing"),
    ],
)
def test_what_the_other_run_does_not_have_is_a_reason(lacking, sentence):
    fields = {"mask": "masked", "duration": "timed", "image": "image"}
    theirs = build([histories.Made(0, 0, 3, 4, start=True)], THEIRS._replace(**{fields[lacking]: False}))
    decoder = decoder_of(THEIRS)
    with pytest.raises(WireError, match=sentence):
        decoder.decode(sent(taken(theirs, decoder.columns)))


def test_streams_of_any_number_are_read():
    rows = [histories.Made(1000, 0, 3, 4, start=True)]
    decoder = decoder_of(THEIRS)
    assert len(decoder.decode(sent(taken(build(rows, THEIRS), decoder.columns))).steps) == 1
