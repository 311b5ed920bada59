"""The recorder: real steps only, each with the observation that its action led to, however the environment resets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    flaw,
    step_columns,
)

OBSERVATION = ArraySpec((1,), "float32", -1e6, 1e6)
SPEC = EnvSpec("Toy-v0", {"observation": OBSERVATION}, Discrete(300))
MASKED = EnvSpec("Toy-v0", {"observation": OBSERVATION}, Discrete(2), masked=True)
NONE: dict = {}


def recorder(spec=SPEC, own=NONE, **options):
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


def play(recorder, *steps, own=NONE):
    """Begin with the first of these steps and record the others; the k-th action is k modulo 2."""
    recorder.begin(steps[0])
    for number, after in enumerate(steps[1:], 1):
        recorder.record(np.full(len(after.rewards), number % 2), own, after)


def column(batch, name="observation"):
    return batch.columns[name].reshape(-1).tolist()


def followed(batch):
    return batch.after["observation"][:, 0].tolist()


# -- what is recorded


def test_steps_of_one_environment_are_one_segment_with_what_followed_it():
    here = recorder()
    here.load(7, None)
    play(here, step(0), step(1, reward=0.5), step(2, reward=1.5))
    batch = here.take()
    assert batch.segments.tolist() == [[0, 0, 2, 7, Source.AGENT, 1, End.GOES_ON]]
    assert (column(batch), column(batch, "action"), column(batch, "reward")) == ([0, 1], [1, 0], [0.5, 1.5])
    assert batch.columns["action"].dtype == np.uint16 and batch.columns["reward"].dtype == np.float32
    assert followed(batch) == [2] and batch.closed is None


def test_what_comes_after_a_message_goes_on_where_it_ended():
    here = recorder()
    play(here, step(0), step(1))
    here.take()
    here.record(actions(5), NONE, step(2))
    batch = here.take()
    assert table(batch, POSITION, ROWS, START) == [[1, 1, 0]] and column(batch) == [1] and followed(batch) == [2]


def test_nothing_waits_after_it_was_taken():
    here = recorder()
    assert here.take() is None
    play(here, step(0, 0), step(1, 1))
    assert here.rows == 2
    here.take()
    assert here.rows == 0 and here.take() is None


def test_rows_of_several_environments_lie_stream_after_stream():
    here = recorder()
    play(here, step(0, 10), step(1, 11), step(2, 12))
    batch = here.take()
    assert table(batch, STREAM, POSITION, ROWS) == [[0, 0, 2], [1, 0, 2]]
    assert column(batch) == [0, 1, 10, 11] and followed(batch) == [2, 12]


def test_step_that_resets_at_once_leads_to_the_final_observation():
    here = recorder()
    play(here, step(0), step(100, terminated=[0], final=final(_0=1)), step(101, truncated=[0], final=final(_0=200)))
    batch = here.take()
    assert table(batch, POSITION, ROWS, START, END) == [[0, 1, 1, End.TERMINATED], [1, 1, 1, End.TRUNCATED]]
    assert column(batch) == [0, 100] and followed(batch) == [200]


def test_step_that_only_resets_is_no_row_and_takes_no_position():
    here = recorder()
    here.begin(step(0))
    assert here.record(actions(1), NONE, step(1, truncated=[0])) == 1
    assert here.record(actions(2), NONE, step(100, valid=np.array([False]))) == 0
    assert here.record(actions(3), NONE, step(101)) == 1
    batch = here.take()
    assert table(batch, POSITION, ROWS, START, END) == [[0, 1, 1, End.TRUNCATED], [1, 1, 1, End.GOES_ON]]
    assert column(batch) == [0, 100] and column(batch, "action") == [1, 3] and followed(batch) == [1, 101]


def test_row_that_only_reset_does_not_hold_up_the_other_environments():
    here = recorder()
    resets = step(2, 100, valid=np.array([True, False]))
    play(here, step(0, 10), step(1, 11, terminated=[1]), resets, step(3, 101))
    batch = here.take()
    assert table(batch, STREAM, POSITION, ROWS, START, END) == [
        [0, 0, 3, 1, End.GOES_ON],
        [1, 0, 1, 1, End.TERMINATED],
        [1, 1, 1, 1, End.GOES_ON],
    ]
    assert column(batch) == [0, 1, 2, 10, 100] and followed(batch) == [3, 101]


def test_termination_wins_over_truncation():
    here = recorder()
    play(here, step(0), step(1, terminated=[0], truncated=[0]))
    assert table(here.take(), END) == [[End.TERMINATED]]


def test_masks_are_recorded_and_none_means_that_all_actions_are_valid():
    here = recorder(MASKED)
    one, other = np.array([[True, False]]), np.array([[False, True]])
    play(here, step(0, masks=one), step(1, masks=other), step(2), step(3, masks=one))
    batch = here.take()
    assert batch.columns["mask"].tolist() == [[True, False], [False, True], [True, True]]
    assert batch.after["mask"].tolist() == [[True, False]]


@pytest.mark.parametrize("known", [True, False])
def test_mask_of_the_final_observation_follows_a_truncated_row(known):
    here = recorder(MASKED)
    masks = {0: np.array([False, True])} if known else {}
    ends = step(100, truncated=[0], final=final(_0=1), masks=np.array([[True, False]]), final_masks=masks)
    play(here, step(0), ends)
    assert here.take().after["mask"].tolist() == [[not known, True]]


def test_durations_are_recorded_where_the_environment_reports_them():
    here = recorder(EnvSpec("Toy-v0", {"observation": OBSERVATION}, Discrete(2), timed=True))
    play(here, step(0), step(1, durations=np.array([1.5])), step(2, durations=np.array([2.0], np.float32)))
    durations = here.take().columns["duration"]
    assert durations.tolist() == [1.5, 2.0] and durations.dtype == np.float32


def test_continuous_actions_are_recorded_as_they_are():
    here = recorder(EnvSpec("Toy-v0", {"observation": OBSERVATION}, Continuous((2,), (None,) * 2, (None,) * 2)))
    here.begin(step(0))
    here.record(np.array([[0.5, -1]]), NONE, step(1))
    acted = here.take().columns["action"]
    assert acted.tolist() == [[0.5, -1]] and acted.dtype == np.float32


def test_source_is_said_of_each_segment():
    here = recorder(source=Source.PERSON)
    play(here, step(0), step(1))
    assert table(here.take(), SOURCE) == [[Source.PERSON]]


def test_each_row_carries_the_model_that_chose_it():
    here = recorder()
    here.load(3, None)
    play(here, step(0, 10), step(1, 11), step(2, 12))
    here.load(5, None)
    here.record(actions(1, 1), NONE, step(3, 13))
    batch = here.take()
    assert table(batch, STREAM, POSITION, ROWS, ITERATION) == [[0, 0, 2, 3], [0, 2, 1, 5], [1, 0, 2, 3], [1, 2, 1, 5]]
    assert followed(batch) == [3, 13], "what follows a row of the older model is the newer one's row"


# -- own columns

OWN = {"value": ArraySpec((), "float32"), "state": ArraySpec((2,), "float32", sparse=True)}


def test_own_columns_are_recorded_and_those_that_are_sparse_may_be_missing():
    here = recorder(own=OWN)
    here.begin(step(0, 10))
    for number in range(3):
        own = {"value": np.array([number, 10 + number], np.float32)}
        if number != 1:
            own["state"] = np.array([[number, 0], [number, 1]], np.float32)
        here.record(actions(0, 0), own, step(number + 1, 11 + number))
    batch = here.take()
    assert column(batch, "value") == [0, 1, 2, 10, 11, 12]
    assert batch.sparse["state"].rows.tolist() == [0, 2, 3, 5]
    assert batch.sparse["state"].values.tolist() == [[0, 0], [2, 0], [0, 1], [2, 1]]


def test_numbers_of_sparse_rows_count_only_rows_that_are_there():
    here = recorder(own=OWN)
    here.begin(step(0))
    for number, bad in enumerate((False, True, False)):
        state = np.array([[math.nan if bad else number, 0]], np.float32)
        here.record(actions(0), {"value": np.zeros(1, np.float32), "state": state}, step(number + 1))
    batch = here.take()
    assert column(batch) == [0, 2] and batch.sparse["state"].rows.tolist() == [0, 1]
    assert batch.sparse["state"].values[:, 0].tolist() == [0, 2]


# -- starts


def test_starts_are_all_rows_at_first_and_then_those_that_were_reset():
    here = recorder()
    here.begin(step(0, 0))
    assert here.starts.tolist() == [True, True]
    here.record(actions(0, 0), NONE, step(1, 1))
    assert here.starts.tolist() == [False, False]
    here.record(actions(0, 0), NONE, step(2, 2, terminated=[1], final=final(_1=9)))
    assert here.starts.tolist() == [False, True]
    here.record(actions(0, 0), NONE, step(3, 3, valid=np.array([False, True])))
    assert here.starts.tolist() == [True, False]
    here.record(actions(0, 0), NONE, step(4, 4))
    assert here.starts.tolist() == [False, False]
    here.take()
    here.begin(step(0, 0, 0))
    assert here.starts.tolist() == [True, True, True]


def test_starts_cost_nothing_where_nothing_starts():
    here = recorder()
    play(here, step(0), step(1))
    starts = here.starts
    here.record(actions(0), NONE, step(2))
    assert here.starts is starts and not starts.flags.writeable


# -- breaks


@pytest.mark.parametrize("taken", [True, False])
def test_restart_leaves_one_position_out(taken):
    here = recorder()
    play(here, step(0), step(1))
    batches = [here.take()] if taken else []
    play(here, step(100), step(101), step(102))
    batches.append(here.take())
    rows = [row for batch in batches for row in table(batch, POSITION, ROWS, START, END)]
    assert rows == [[0, 1, 1, End.GOES_ON], [2, 2, 1, End.GOES_ON]]
    assert [value for batch in batches for value in followed(batch)] == [1, 102]


def test_restart_after_which_nothing_was_recorded_yet_is_seen_in_the_next_message():
    here = recorder()
    play(here, step(0), step(1))
    here.begin(step(100))
    assert table(here.take(), POSITION, ROWS) == [[0, 1]]
    here.record(actions(0), NONE, step(101))
    assert table(here.take(), POSITION, ROWS, START) == [[2, 1, 1]]


def test_first_start_leaves_nothing_out_and_streams_go_on_where_they_were():
    here = recorder()
    play(here, step(0, 0), step(1, 1))
    here.take()
    play(here, step(0), step(1))
    here.take()
    play(here, step(0, 0, 0), step(1, 1, 1))
    assert table(here.take(), STREAM, POSITION) == [[0, 4], [1, 3], [2, 0]]


def test_number_of_environments_may_not_change_while_rows_wait():
    here = recorder()
    play(here, step(0), step(1))
    with pytest.raises(ValueError, match="1 rows of 1 environments are to be taken before 2 begin"):
        here.begin(step(0, 0))


# -- late steps


def test_late_step_is_discarded_and_the_next_one_goes_on():
    here = recorder()
    here.begin(step(0))
    for number in range(1, 4):
        here.record(actions(0), NONE, step(number), late=number == 2)
    batch = here.take()
    assert table(batch, POSITION, ROWS, START, END) == [[0, 2, 1, End.DISCARDED], [2, 1, 0, End.GOES_ON]]
    assert followed(batch) == [3] and batch.continued.tolist() == [True, False]
    assert batch.transitions().next_observations["observation"][:, 0].tolist() == [1, 3]


# -- rows that do not fit


def bad(*values):
    """Steps of one environment whose observations are these, and what is left of them; what was said."""
    said = []
    here = recorder(told=said.append)
    play(here, *(step(value) for value in values))
    return here, here.take(), said


def test_row_whose_observation_does_not_fit_is_left_out_and_the_row_before_is_discarded():
    here, batch, _ = bad(0, 1, math.nan, 3, 4)
    assert table(batch, POSITION, ROWS, START, END) == [[0, 2, 1, End.DISCARDED], [3, 1, 0, End.GOES_ON]]
    assert column(batch) == [0, 1, 3] and followed(batch) == [4]
    assert here.left_out == 1


def test_row_that_terminated_stays_so_whatever_is_observed_after_it():
    here = recorder(told=lambda sentence: None)
    play(here, step(0), step(math.nan, terminated=[0]), step(100, valid=np.array([False])), step(101))
    assert table(here.take(), END) == [[End.TERMINATED], [End.GOES_ON]]


def test_last_row_of_a_message_whose_successor_does_not_fit_is_discarded():
    _, batch, _ = bad(0, 1, math.inf)
    assert table(batch, ROWS, END) == [[2, End.DISCARDED]] and followed(batch) == []


def test_truncated_row_whose_final_observation_does_not_fit_is_discarded():
    here = recorder(told=lambda sentence: None)
    play(here, step(0), step(100, truncated=[0], final=final(_0=math.nan)), step(101))
    batch = here.take()
    assert table(batch, ROWS, START, END) == [[1, 1, End.DISCARDED], [1, 1, End.GOES_ON]] and followed(batch) == [101]


def test_first_row_of_an_episode_that_does_not_fit_leaves_the_next_one_without_a_start():
    _, batch, _ = bad(math.nan, 1, 2)
    assert table(batch, POSITION, ROWS, START) == [[1, 1, 0]]


def test_row_whose_reward_does_not_fit_is_left_out_and_the_row_before_keeps_its_successor():
    said = []
    here = recorder(told=said.append)
    play(here, step(0), step(1), step(2, reward=math.inf), step(3))
    batch = here.take()
    assert table(batch, POSITION, ROWS, END) == [[0, 1, End.GOES_ON], [2, 1, End.GOES_ON]]
    assert column(batch) == [0, 2] and followed(batch) == [1, 3]
    assert said == [
        "Rows whose reward does not fit are not learned from: in environment 0 it has inf, where numbers from "
        "-1000000.0 to 1000000.0 are believed."
    ]


@pytest.mark.parametrize("action", [-1, 300, 65536])
def test_action_beyond_the_space_is_left_out_before_it_becomes_another_one(action):
    here = recorder(told=lambda sentence: None)
    here.begin(step(0, 10))
    here.record(actions(299, action), NONE, step(1, 11))
    batch = here.take()
    assert column(batch, "action") == [299] and table(batch, STREAM) == [[0]]


def test_rows_that_do_not_fit_are_said_once_for_each_column_and_counted():
    said = []
    here = recorder(own=OWN, told=said.append)
    here.begin(step(0, 10))
    for _ in range(2):
        for value, state in ((math.nan, 0), (0, 2e6)):
            own = {"value": np.array([0, value], np.float32), "state": np.array([[0, 0], [0, state]], np.float32)}
            here.record(actions(0, 0), own, step(1, 11))
        batch = here.take()
    assert here.left_out == 4 and table(batch, STREAM, POSITION, ROWS) == [[0, 2, 2]]
    assert [sentence.split(" does")[0] for sentence in said] == ["Rows whose value", "Rows whose state"]
    assert "in environment 1 it has nan, where numbers from -1000000.0" in said[0]
    assert "in environment 1 it has 2000000.0, where" in said[1]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.zeros(1, np.float64), "it is float64 of the shape (), where float32 of () is declared"),
        (np.zeros((1, 2), np.float32), "it is float32 of the shape (2,), where float32 of () is declared"),
        (None, "it is missing"),
        ([0.0], "it is a list"),
    ],
)
def test_array_of_another_form_than_declared_is_left_out_and_said(value, sentence):
    said = []
    here = recorder(own={"value": OWN["value"]}, told=said.append)
    play(here, step(0), step(1), own={"value": np.zeros(1, np.float32)})
    here.record(actions(0), {} if value is None else {"value": value}, step(2))
    batch = here.take()
    assert column(batch) == [0] and here.left_out == 1
    assert said == [f"Rows whose value does not fit are not learned from: in environment 0 {sentence}."]


@pytest.mark.parametrize("rows", [1, 2])
def test_real_number_is_no_discrete_action(rows):
    here = recorder(told=lambda sentence: None)
    here.begin(step(*range(rows)))
    here.record(np.full(rows, 0.5), NONE, step(*range(rows)))
    assert here.take() is None and here.left_out == rows


def test_row_that_was_only_reset_need_not_fit_and_nothing_is_said_of_it():
    said = []
    here = recorder(told=said.append)
    play(
        here, step(0, 10), step(1, math.nan, terminated=[1]), step(2, 100, valid=np.array([True, False])), step(3, 101)
    )
    assert table(here.take(), STREAM, ROWS, END) == [[0, 3, 0], [1, 1, End.TERMINATED], [1, 1, 0]]
    assert said == [] and here.left_out == 0


def test_messages_without_a_row_are_none():
    _, batch, _ = bad(math.nan, 0)
    assert batch is None


# -- quota


def test_client_closes_once_the_quota_is_reached_and_the_step_is_finished():
    here = recorder()
    here.load(4, 5)
    here.begin(step(0, 0))
    for number in range(3):
        assert here.full is False
        here.record(actions(0, 0), NONE, step(number, number))
        if number == 1:
            assert here.take().closed is None
    assert here.full
    assert here.take().closed == Closed(4, 6)
    assert here.take() is None


def test_rows_that_were_left_out_are_no_part_of_what_is_closed():
    here = recorder(told=lambda sentence: None)
    here.load(4, 3)
    play(here, step(0), step(math.nan), step(2), step(3))
    assert here.full
    assert here.take().closed == Closed(4, 2)


def test_closing_message_may_have_no_rows():
    here = recorder(own=OWN, told=lambda sentence: None)
    here.load(4, 1)
    play(here, step(0), step(1, reward=math.nan), own={"value": np.zeros(1, np.float32)})
    batch = here.take()
    assert batch.closed == Closed(4, 0) and len(batch) == 0 and batch.segments.shape == (0, 7)
    assert batch.columns["observation"].shape == (0, 1) and batch.columns.keys() == here_columns(OWN) - {"state"}
    assert batch.sparse["state"].values.shape == (0, 2) and batch.after.keys() == {"observation"}


def here_columns(own):
    return step_columns(SPEC, own, 1e6).keys()


def test_newer_model_has_a_quota_of_its_own():
    here = recorder()
    here.load(0, 2)
    play(here, step(0), step(1), step(2))
    here.load(1, 2)
    assert not here.full
    here.record(actions(0), NONE, step(3))
    assert here.take().closed is None
    here.record(actions(0), NONE, step(4))
    assert here.take().closed == Closed(1, 2), "those of the older model are not counted"


def test_model_without_a_quota_is_never_full():
    here = recorder()
    here.load(0, 1)
    here.load(1, None)
    play(here, *(step(number) for number in range(50)))
    assert not here.full and here.take().closed is None


# -- against a recorder that thinks of one row at a time


class World:
    """Environments whose every observation is another number, with ends, resets and nonsense as they are drawn."""

    def __init__(self, draw, streams, resets):
        self.draw, self.streams, self.resets = draw, streams, resets
        self.number = 0
        self.over = [False] * streams

    def observe(self):
        self.number += 1
        return math.nan if self.draw(st.integers(0, 11)) == 0 else float(self.number)

    def reset(self):
        self.over = [False] * self.streams
        return step(*(self.observe() for _ in range(self.streams)))

    def step(self):
        resetting = [self.resets == "next" and over for over in self.over]
        ends = [self.draw(st.sampled_from([0, 0, 0, 1, 2])) if not r else 0 for r in resetting]
        self.over = [end > 0 for end in ends]
        values = [self.observe() for _ in range(self.streams)]
        after = step(
            *values,
            terminated=[i for i, e in enumerate(ends) if e == 1],
            truncated=[i for i, e in enumerate(ends) if e == 2],
        )
        after.rewards[:] = [math.nan if self.draw(st.integers(0, 11)) == 0 else float(v) for v in range(self.streams)]
        if any(resetting):
            after.valid = ~np.array(resetting)
        if self.resets == "same":
            after.final = {i: {"observation": np.array([self.observe()], np.float32)} for i, e in enumerate(ends) if e}
        return after


class OneByOne:
    """What the rows are, for each environment: dictionaries, one after another."""

    def __init__(self, streams):
        self.rows, self.starts, self.position = [[] for _ in range(streams)], [True] * streams, [0] * streams

    def begin(self):
        self.starts = [True] * len(self.rows)
        self.position = [position + (position > 0) for position in self.position]

    def record(self, before, after, iteration, late):
        for i, rows in enumerate(self.rows):
            if after.valid is not None and not after.valid[i]:
                self.starts[i] = True
                continue
            led_to = after.final[i]["observation"][0] if i in after.final else after.observations["observation"][i, 0]
            end = End.TERMINATED if after.terminated[i] else End.TRUNCATED if after.truncated[i] else End.GOES_ON
            row = {"stream": i, "position": self.position[i], "iteration": iteration, "start": self.starts[i]}
            row |= {"observation": before.observations["observation"][i, 0], "reward": after.rewards[i]}
            row |= {"led_to": led_to, "end": End.DISCARDED if late else end}
            rows.append(row)
            self.position[i] += 1
            self.starts[i] = i in after.final

    def take(self):
        taken = [row for rows in self.rows for row in rows if np.isfinite([row["observation"], row["reward"]]).all()]
        self.rows = [[] for _ in self.rows]
        for row in taken:
            if row["end"] in (End.GOES_ON, End.TRUNCATED) and not np.isfinite(row["led_to"]):
                row["end"] = End.DISCARDED
        return taken


@given(st.data(), st.integers(1, 3), st.sampled_from(["same", "next"]))
def test_recorder_gives_the_rows_that_one_finds_one_by_one(data, streams, resets):
    world, oracle, iteration = World(data.draw, streams, resets), OneByOne(streams), 0
    here = recorder(told=lambda sentence: None)
    here.load(0, None)
    here.begin(before := world.reset())
    for _ in range(data.draw(st.integers(1, 25))):
        after, late = world.step(), data.draw(st.integers(0, 5)) == 0
        here.record(np.zeros(streams, np.int64), NONE, after, late=late)
        oracle.record(before, after, iteration, late)
        before = after
        assert here.starts.tolist() == oracle.starts
        event = data.draw(st.sampled_from(["", "", "", "take", "load", "restart"]))
        if event == "take":
            compare(here.take(), oracle.take())
        elif event == "load":
            iteration += 1
            here.load(iteration, None)
        elif event == "restart":
            here.begin(before := world.reset())
            oracle.begin()
    compare(here.take(), oracle.take())


def compare(batch, rows):
    assert (batch is None) == (not rows)
    if batch is None:
        return
    assert flaw(batch.segments, len(rows), 3) is None
    expected = {name: [row[name] for row in rows] for name in rows[0]}
    assert batch.of_rows(STREAM).tolist() == expected["stream"]
    assert batch.positions.tolist() == expected["position"]
    assert batch.of_rows(ITERATION).tolist() == expected["iteration"]
    assert batch.starts.tolist() == expected["start"]
    assert batch.ends.tolist() == expected["end"]
    assert column(batch) == expected["observation"] and column(batch, "reward") == expected["reward"]
    assert len(batch.after["observation"]) == batch.has_after.sum()
    read = batch.transitions()
    learnable = [row for row in rows if row["end"] != End.DISCARDED]
    goes_on = np.array([row["end"] != End.TERMINATED for row in learnable], bool)
    led_to = np.array([row["led_to"] for row in learnable], np.float32)
    assert read.next_observations["observation"][goes_on, 0].tolist() == led_to[goes_on].tolist()
