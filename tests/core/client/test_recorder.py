"""The recorder, case by case: real steps only, each with the observation that its action led to, whatever the
autoreset mode. `steps/test_recorder_rows` compares it with rows that are built one by one."""

import math

import numpy as np
import pytest

from soulsai_core.client.recorder import Recorder
from soulsai_core.messages import ArraySpec, Continuous, Discrete, EnvSpec, Step
from soulsai_core.steps import (
    END,
    ITERATION,
    POSITION,
    ROWS,
    SOURCE,
    START,
    STREAM,
    Closed,
    End,
    Source,
    step_columns,
)

OBSERVATION = ArraySpec((1,), "float32", -1e6, 1e6)
SPEC = EnvSpec("Toy-v0", {"observation": OBSERVATION}, Discrete(300))
MASKED = EnvSpec("Toy-v0", {"observation": OBSERVATION}, Discrete(2), masked=True)
NONE: dict = {}


def make_recorder(spec=SPEC, own=NONE, **options):
    return Recorder(step_columns(spec, own, 1e6), spec.observations, **options)


def observed(*values):
    return {"observation": np.array(values, np.float32)[:, None]}


def step(*values, reward=0.0, terminated=(), truncated=(), **more):
    rows = range(len(values))
    flags = (np.array([row in which for row in rows]) for which in (terminated, truncated))
    return Step(observed(*values), np.full(len(values), reward, np.float32), *flags, **more)


def final(**values):
    return {int(row[1:]): {"observation": np.array([value], np.float32)} for row, value in values.items()}


def actions(*values):
    return np.array(values, np.int64)


def table(batch, *columns):
    return batch.segments[:, columns].tolist()


def record_steps(recorder, *steps, own=NONE):
    """Begin with the first of these steps and record the others, with action k modulo 2 for step k."""
    recorder.begin(steps[0])
    for number, after in enumerate(steps[1:], 1):
        recorder.record(np.full(len(after.rewards), number % 2), own, after)


def column(batch, name="observation"):
    return batch.columns[name].reshape(-1).tolist()


def followed(batch):
    return batch.after["observation"][:, 0].tolist()


# -- what is recorded


def test_steps_of_one_environment_are_one_segment_with_what_followed_it():
    recorder = make_recorder()
    recorder.load(7, None)
    record_steps(recorder, step(0), step(1, reward=0.5), step(2, reward=1.5))
    batch = recorder.take()
    assert batch.segments.tolist() == [[0, 0, 2, 7, Source.AGENT, 1, End.GOES_ON]]
    assert (column(batch), column(batch, "action"), column(batch, "reward")) == ([0, 1], [1, 0], [0.5, 1.5])
    assert batch.columns["action"].dtype == np.uint16 and batch.columns["reward"].dtype == np.float32
    assert followed(batch) == [2] and batch.closed is None


def test_next_message_goes_on_where_the_last_one_ended():
    recorder = make_recorder()
    record_steps(recorder, step(0), step(1))
    recorder.take()
    recorder.record(actions(5), NONE, step(2))
    batch = recorder.take()
    assert table(batch, POSITION, ROWS, START) == [[1, 1, 0]] and column(batch) == [1] and followed(batch) == [2]


def test_no_row_waits_after_rows_were_taken():
    recorder = make_recorder()
    assert recorder.take() is None
    record_steps(recorder, step(0, 0), step(1, 1))
    assert recorder.rows == 2
    recorder.take()
    assert recorder.rows == 0 and recorder.take() is None


def test_rows_of_several_environments_lie_stream_after_stream():
    recorder = make_recorder()
    record_steps(recorder, step(0, 10), step(1, 11), step(2, 12))
    batch = recorder.take()
    assert table(batch, STREAM, POSITION, ROWS) == [[0, 0, 2], [1, 0, 2]]
    assert column(batch) == [0, 1, 10, 11] and followed(batch) == [2, 12]


def test_step_that_resets_at_once_leads_to_the_final_observation():
    recorder = make_recorder()
    record_steps(
        recorder, step(0), step(100, terminated=[0], final=final(_0=1)), step(101, truncated=[0], final=final(_0=200))
    )
    batch = recorder.take()
    assert table(batch, POSITION, ROWS, START, END) == [[0, 1, 1, End.TERMINATED], [1, 1, 1, End.TRUNCATED]]
    assert column(batch) == [0, 100] and followed(batch) == [200]


def test_step_that_only_resets_is_no_row_and_takes_no_position():
    recorder = make_recorder()
    recorder.begin(step(0))
    assert recorder.record(actions(1), NONE, step(1, truncated=[0])) == 1
    assert recorder.record(actions(2), NONE, step(100, valid=np.array([False]))) == 0
    assert recorder.record(actions(3), NONE, step(101)) == 1
    batch = recorder.take()
    assert table(batch, POSITION, ROWS, START, END) == [[0, 1, 1, End.TRUNCATED], [1, 1, 1, End.GOES_ON]]
    assert column(batch) == [0, 100] and column(batch, "action") == [1, 3] and followed(batch) == [1, 101]


def test_reset_of_one_environment_does_not_affect_the_others():
    recorder = make_recorder()
    resets = step(2, 100, valid=np.array([True, False]))
    record_steps(recorder, step(0, 10), step(1, 11, terminated=[1]), resets, step(3, 101))
    batch = recorder.take()
    assert table(batch, STREAM, POSITION, ROWS, START, END) == [
        [0, 0, 3, 1, End.GOES_ON],
        [1, 0, 1, 1, End.TERMINATED],
        [1, 1, 1, 1, End.GOES_ON],
    ]
    assert column(batch) == [0, 1, 2, 10, 100] and followed(batch) == [3, 101]


def test_termination_wins_over_truncation():
    recorder = make_recorder()
    record_steps(recorder, step(0), step(1, terminated=[0], truncated=[0]))
    assert table(recorder.take(), END) == [[End.TERMINATED]]


def test_masks_are_recorded_and_none_means_that_all_actions_are_valid():
    recorder = make_recorder(MASKED)
    one = np.array([[True, False]])
    other = np.array([[False, True]])
    record_steps(recorder, step(0, masks=one), step(1, masks=other), step(2), step(3, masks=one))
    batch = recorder.take()
    assert batch.columns["mask"].tolist() == [[True, False], [False, True], [True, True]]
    assert batch.after["mask"].tolist() == [[True, False]]


@pytest.mark.parametrize("known", [True, False])
def test_mask_of_the_final_observation_follows_a_truncated_row(known):
    recorder = make_recorder(MASKED)
    masks = {0: np.array([False, True])} if known else {}
    ends = step(100, truncated=[0], final=final(_0=1), masks=np.array([[True, False]]), final_masks=masks)
    record_steps(recorder, step(0), ends)
    assert recorder.take().after["mask"].tolist() == [[not known, True]]


def test_durations_are_recorded_where_the_environment_reports_them():
    recorder = make_recorder(EnvSpec("Toy-v0", {"observation": OBSERVATION}, Discrete(2), timed=True))
    record_steps(recorder, step(0), step(1, durations=np.array([1.5])), step(2, durations=np.array([2.0], np.float32)))
    durations = recorder.take().columns["duration"]
    assert durations.tolist() == [1.5, 2.0] and durations.dtype == np.float32


def test_continuous_actions_are_recorded_as_they_are():
    recorder = make_recorder(
        EnvSpec("Toy-v0", {"observation": OBSERVATION}, Continuous((2,), (None,) * 2, (None,) * 2))
    )
    recorder.begin(step(0))
    recorder.record(np.array([[0.5, -1]]), NONE, step(1))
    acted = recorder.take().columns["action"]
    assert acted.tolist() == [[0.5, -1]] and acted.dtype == np.float32


def test_each_segment_has_its_source():
    recorder = make_recorder(source=Source.PERSON)
    record_steps(recorder, step(0), step(1))
    assert table(recorder.take(), SOURCE) == [[Source.PERSON]]


def test_each_row_carries_the_model_that_chose_it():
    recorder = make_recorder()
    recorder.load(3, None)
    record_steps(recorder, step(0, 10), step(1, 11), step(2, 12))
    recorder.load(5, None)
    recorder.record(actions(1, 1), NONE, step(3, 13))
    batch = recorder.take()
    assert table(batch, STREAM, POSITION, ROWS, ITERATION) == [[0, 0, 2, 3], [0, 2, 1, 5], [1, 0, 2, 3], [1, 2, 1, 5]]
    assert followed(batch) == [3, 13], "what follows a row of the older model is the newer one's row"


# -- own columns

OWN = {"value": ArraySpec((), "float32"), "state": ArraySpec((2,), "float32", sparse=True)}


def test_own_columns_are_recorded_and_those_that_are_sparse_may_be_missing():
    recorder = make_recorder(own=OWN)
    recorder.begin(step(0, 10))
    for number in range(3):
        own = {"value": np.array([number, 10 + number], np.float32)}
        if number != 1:
            own["state"] = np.array([[number, 0], [number, 1]], np.float32)
        recorder.record(actions(0, 0), own, step(number + 1, 11 + number))
    batch = recorder.take()
    assert column(batch, "value") == [0, 1, 2, 10, 11, 12]
    assert batch.sparse["state"].rows.tolist() == [0, 2, 3, 5]
    assert batch.sparse["state"].values.tolist() == [[0, 0], [2, 0], [0, 1], [2, 1]]


def test_numbers_of_sparse_rows_count_only_rows_that_are_there():
    recorder = make_recorder(own=OWN)
    recorder.begin(step(0))
    for number, bad in enumerate((False, True, False)):
        state = np.array([[math.nan if bad else number, 0]], np.float32)
        recorder.record(actions(0), {"value": np.zeros(1, np.float32), "state": state}, step(number + 1))
    batch = recorder.take()
    assert column(batch) == [0, 2] and batch.sparse["state"].rows.tolist() == [0, 1]
    assert batch.sparse["state"].values[:, 0].tolist() == [0, 2]


# -- starts


def test_starts_are_all_rows_at_first_and_then_those_that_were_reset():
    recorder = make_recorder()
    recorder.begin(step(0, 0))
    assert recorder.starts.tolist() == [True, True]
    recorder.record(actions(0, 0), NONE, step(1, 1))
    assert recorder.starts.tolist() == [False, False]
    recorder.record(actions(0, 0), NONE, step(2, 2, terminated=[1], final=final(_1=9)))
    assert recorder.starts.tolist() == [False, True]
    recorder.record(actions(0, 0), NONE, step(3, 3, valid=np.array([False, True])))
    assert recorder.starts.tolist() == [True, False]
    recorder.record(actions(0, 0), NONE, step(4, 4))
    assert recorder.starts.tolist() == [False, False]
    recorder.take()
    recorder.begin(step(0, 0, 0))
    assert recorder.starts.tolist() == [True, True, True]


def test_starts_are_one_read_only_array_while_no_episode_starts():
    recorder = make_recorder()
    record_steps(recorder, step(0), step(1))
    starts = recorder.starts
    recorder.record(actions(0), NONE, step(2))
    assert recorder.starts is starts and not starts.flags.writeable


# -- breaks


@pytest.mark.parametrize("taken", [True, False])
def test_restart_leaves_one_position_out(taken):
    recorder = make_recorder()
    record_steps(recorder, step(0), step(1))
    batches = [recorder.take()] if taken else []
    record_steps(recorder, step(100), step(101), step(102))
    batches.append(recorder.take())
    rows = [row for batch in batches for row in table(batch, POSITION, ROWS, START, END)]
    assert rows == [[0, 1, 1, End.GOES_ON], [2, 2, 1, End.GOES_ON]]
    assert [value for batch in batches for value in followed(batch)] == [1, 102]


def test_restart_after_which_nothing_was_recorded_yet_is_seen_in_the_next_message():
    recorder = make_recorder()
    record_steps(recorder, step(0), step(1))
    recorder.begin(step(100))
    assert table(recorder.take(), POSITION, ROWS) == [[0, 1]]
    recorder.record(actions(0), NONE, step(101))
    assert table(recorder.take(), POSITION, ROWS, START) == [[2, 1, 1]]


def test_first_start_leaves_nothing_out_and_streams_go_on_where_they_were():
    recorder = make_recorder()
    record_steps(recorder, step(0, 0), step(1, 1))
    recorder.take()
    record_steps(recorder, step(0), step(1))
    recorder.take()
    record_steps(recorder, step(0, 0, 0), step(1, 1, 1))
    assert table(recorder.take(), STREAM, POSITION) == [[0, 4], [1, 3], [2, 0]]


def test_number_of_environments_may_not_change_while_rows_wait():
    recorder = make_recorder()
    record_steps(recorder, step(0), step(1))
    with pytest.raises(ValueError, match="1 rows of 1 environments are to be taken before 2 begin"):
        recorder.begin(step(0, 0))


# -- late steps


def test_late_step_is_discarded_and_the_next_one_goes_on():
    recorder = make_recorder()
    recorder.begin(step(0))
    for number in range(1, 4):
        recorder.record(actions(0), NONE, step(number), late=number == 2)
    batch = recorder.take()
    assert table(batch, POSITION, ROWS, START, END) == [[0, 2, 1, End.DISCARDED], [2, 1, 0, End.GOES_ON]]
    assert followed(batch) == [3] and batch.continued.tolist() == [True, False]
    assert batch.transitions().next_observations["observation"][:, 0].tolist() == [1, 3]


# -- rows that do not fit


def record_observations(*values):
    """A recorder that recorded these observations of one environment, the batch it gives, and what it reported."""
    sentences = []
    recorder = make_recorder(on_unfit=sentences.append)
    record_steps(recorder, *(step(value) for value in values))
    return recorder, recorder.take(), sentences


def test_row_whose_observation_does_not_fit_is_left_out_and_the_row_before_is_discarded():
    recorder, batch, _ = record_observations(0, 1, math.nan, 3, 4)
    assert table(batch, POSITION, ROWS, START, END) == [[0, 2, 1, End.DISCARDED], [3, 1, 0, End.GOES_ON]]
    assert column(batch) == [0, 1, 3] and followed(batch) == [4]
    assert recorder.left_out == 1


def test_row_that_terminated_stays_so_whatever_is_observed_after_it():
    recorder = make_recorder(on_unfit=lambda sentence: None)
    record_steps(recorder, step(0), step(math.nan, terminated=[0]), step(100, valid=np.array([False])), step(101))
    assert table(recorder.take(), END) == [[End.TERMINATED], [End.GOES_ON]]


def test_last_row_of_a_message_whose_successor_does_not_fit_is_discarded():
    _, batch, _ = record_observations(0, 1, math.inf)
    assert table(batch, ROWS, END) == [[2, End.DISCARDED]] and followed(batch) == []


def test_truncated_row_whose_final_observation_does_not_fit_is_discarded():
    recorder = make_recorder(on_unfit=lambda sentence: None)
    record_steps(recorder, step(0), step(100, truncated=[0], final=final(_0=math.nan)), step(101))
    batch = recorder.take()
    assert table(batch, ROWS, START, END) == [[1, 1, End.DISCARDED], [1, 1, End.GOES_ON]] and followed(batch) == [101]


def test_first_row_of_an_episode_that_does_not_fit_leaves_the_next_one_without_a_start():
    _, batch, _ = record_observations(math.nan, 1, 2)
    assert table(batch, POSITION, ROWS, START) == [[1, 1, 0]]


def test_row_whose_reward_does_not_fit_is_left_out_and_the_row_before_keeps_its_successor():
    sentences = []
    recorder = make_recorder(on_unfit=sentences.append)
    record_steps(recorder, step(0), step(1), step(2, reward=math.inf), step(3))
    batch = recorder.take()
    assert table(batch, POSITION, ROWS, END) == [[0, 1, End.GOES_ON], [2, 1, End.GOES_ON]]
    assert column(batch) == [0, 2] and followed(batch) == [1, 3]
    assert sentences == [
        "Rows whose reward does not fit are not learned from: in environment 0 it has inf, where numbers from "
        "-1000000.0 to 1000000.0 are accepted. The environment gave it in Environment.step or Environment.reset."
    ]


@pytest.mark.parametrize("action", [-1, 300, 65536])
def test_action_beyond_the_space_is_left_out_before_it_becomes_another_one(action):
    recorder = make_recorder(on_unfit=lambda sentence: None)
    recorder.begin(step(0, 10))
    recorder.record(actions(299, action), NONE, step(1, 11))
    batch = recorder.take()
    assert column(batch, "action") == [299] and table(batch, STREAM) == [[0]]


def test_rows_that_do_not_fit_are_counted_and_reported_once_for_each_column():
    sentences = []
    recorder = make_recorder(own=OWN, on_unfit=sentences.append)
    recorder.begin(step(0, 10))
    for _ in range(2):
        for value, state in ((math.nan, 0), (0, 2e6)):
            own = {"value": np.array([0, value], np.float32), "state": np.array([[0, 0], [0, state]], np.float32)}
            recorder.record(actions(0, 0), own, step(1, 11))
        batch = recorder.take()
    assert recorder.left_out == 4 and table(batch, STREAM, POSITION, ROWS) == [[0, 2, 2]]
    assert [sentence.split(" does")[0] for sentence in sentences] == ["Rows whose value", "Rows whose state"]
    assert "in environment 1 it has nan, where numbers from -1000000.0" in sentences[0]
    assert "in environment 1 it has 2000000.0, where" in sentences[1]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.zeros(1, np.float64), "it is float64 of the shape (), where float32 of () is declared"),
        (np.zeros((1, 2), np.float32), "it is float32 of the shape (2,), where float32 of () is declared"),
        (None, "it is missing"),
        ([0.0], "it is a list"),
    ],
)
def test_array_of_another_form_than_declared_is_left_out_and_reported(value, sentence):
    sentences = []
    recorder = make_recorder(own={"value": OWN["value"]}, on_unfit=sentences.append)
    record_steps(recorder, step(0), step(1), own={"value": np.zeros(1, np.float32)})
    recorder.record(actions(0), {} if value is None else {"value": value}, step(2))
    batch = recorder.take()
    assert column(batch) == [0] and recorder.left_out == 1
    assert sentences == [
        f"Rows whose value does not fit are not learned from: in environment 0 {sentence}. "
        "The algorithm gave it in Actor.act."
    ]


@pytest.mark.parametrize("rows", [1, 2])
def test_real_number_is_no_discrete_action(rows):
    recorder = make_recorder(on_unfit=lambda sentence: None)
    recorder.begin(step(*range(rows)))
    recorder.record(np.full(rows, 0.5), NONE, step(*range(rows)))
    assert recorder.take() is None and recorder.left_out == rows


def test_row_that_was_only_reset_need_not_fit_and_is_not_reported():
    sentences = []
    recorder = make_recorder(on_unfit=sentences.append)
    record_steps(
        recorder,
        step(0, 10),
        step(1, math.nan, terminated=[1]),
        step(2, 100, valid=np.array([True, False])),
        step(3, 101),
    )
    assert table(recorder.take(), STREAM, ROWS, END) == [[0, 3, 0], [1, 1, End.TERMINATED], [1, 1, 0]]
    assert sentences == [] and recorder.left_out == 0


def test_batch_without_a_row_is_none():
    _, batch, _ = record_observations(math.nan, 0)
    assert batch is None


# -- quota


def test_client_closes_once_the_quota_is_reached_and_the_step_is_finished():
    recorder = make_recorder()
    recorder.load(4, 5)
    recorder.begin(step(0, 0))
    for number in range(3):
        assert recorder.quota_reached is False
        recorder.record(actions(0, 0), NONE, step(number, number))
        if number == 1:
            assert recorder.take().closed is None
    assert recorder.quota_reached
    assert recorder.take().closed == Closed(4, 6)
    assert recorder.take() is None


def test_rows_that_were_left_out_are_no_part_of_what_is_closed():
    recorder = make_recorder(on_unfit=lambda sentence: None)
    recorder.load(4, 3)
    record_steps(recorder, step(0), step(math.nan), step(2), step(3))
    assert recorder.quota_reached
    assert recorder.take().closed == Closed(4, 2)


def test_closing_message_may_have_no_rows():
    recorder = make_recorder(own=OWN, on_unfit=lambda sentence: None)
    recorder.load(4, 1)
    record_steps(recorder, step(0), step(1, reward=math.nan), own={"value": np.zeros(1, np.float32)})
    batch = recorder.take()
    assert batch.closed == Closed(4, 0) and len(batch) == 0 and batch.segments.shape == (0, 7)
    assert batch.columns["observation"].shape == (0, 1) and batch.columns.keys() == column_names(OWN) - {"state"}
    assert batch.sparse["state"].values.shape == (0, 2) and batch.after.keys() == {"observation"}


def column_names(own):
    return step_columns(SPEC, own, 1e6).keys()


def test_newer_model_has_a_quota_of_its_own():
    recorder = make_recorder()
    recorder.load(0, 2)
    record_steps(recorder, step(0), step(1), step(2))
    recorder.load(1, 2)
    assert not recorder.quota_reached
    recorder.record(actions(0), NONE, step(3))
    assert recorder.take().closed is None
    recorder.record(actions(0), NONE, step(4))
    assert recorder.take().closed == Closed(1, 2), "those of the older model are not counted"


def test_model_without_a_quota_is_never_full():
    recorder = make_recorder()
    recorder.load(0, 1)
    recorder.load(1, None)
    record_steps(recorder, *(step(number) for number in range(50)))
    assert not recorder.quota_reached and recorder.take().closed is None
