"""The rows that the recorder makes of an environment's steps, against rows that are built one by one."""

import numpy as np
import pytest
from histories import (
    ACTIONS,
    DISCARDED,
    GOES_ON,
    TERMINATED,
    TRUNCATED,
    Kind,
    Made,
    build,
    duration_of,
    env_spec,
    in_order,
    mask_of,
    observed_names,
    reward_of,
    specs,
    state_of,
    values_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Oracle, following

from soulsai_core.client.recorder import Recorder
from soulsai_core.messages import Step
from soulsai_core.steps import Closed, segments_error, step_columns

STREAMS = 2
KIND = Kind(masked=True, timed=True, image=True, stored=1, valued=True)
PLAIN = Kind()
NAN = float("nan")

_ENDS = [(GOES_ON, GOES_ON)] * 8 + [(a, b) for a in (TERMINATED, TRUNCATED) for b in (GOES_ON, TERMINATED)]
_ENDS += [(GOES_ON, end) for end in (TERMINATED, TRUNCATED)]
MOVES = [("nothing",)] + [("step", ends, False) for ends in _ENDS * 3] + [("step", ends, True) for ends in _ENDS]
MOVES += [("take",)] * 6 + [("begin",), ("load",), ("load",), ("unfit", 0), ("unfit", 1)]
MOVES += [("unfit reward", 0), ("unfit reward", 1)]


class World:
    """Two environments that are stepped together in one of gymnasium's autoreset modes, and the rows of their steps.

    Attributes:
        rows: expected in the next message.
        unfit: numbers whose observations are NaN.
        observation_fails, reward_fails: whether the next observation or reward of each environment is NaN.
    """

    def __init__(self, kind, next_step):
        self.kind = kind
        self.next_step = next_step
        self.count = 0
        self.calls = 0
        self.iteration = 0
        self.positions = [0, 0]
        self.rows = []
        self.unfit = set()
        self.stored = set()
        self.observation_fails = [False, False]
        self.reward_fails = [False, False]
        self.restart()

    def number(self, stream=None):
        self.count += 1
        if stream is not None and self.observation_fails[stream]:
            self.unfit.add(self.count)
            self.observation_fails[stream] = False
        return self.count

    def restart(self):
        self.observed = [self.number(0), self.number(1)]
        self.starts = [True, True]
        self.resets = [False, False]
        self.positions = [position + 1 for position in self.positions]
        return self.answer([0.0, 0.0], [GOES_ON] * STREAMS, {}, None, self.observed)

    def step(self, ends, late):
        """Step both environments. Returns the actor's actions and own columns, and the environments' step."""
        actions, own = self.acted()
        acted_on = list(self.observed)
        final = {}
        spoiled = set()
        valid = [True, True]
        ends = list(ends)
        for stream in range(STREAMS):
            if self.resets[stream]:
                self.observed[stream] = self.number(stream)
                self.starts[stream] = True
                self.resets[stream] = False
                valid[stream] = False
                ends[stream] = GOES_ON
                continue
            followed = self.number(stream)
            over = ends[stream] != GOES_ON
            if self.reward_fails[stream]:
                self.positions[stream] += 1  # the row is left out
                spoiled.add(stream)
                self.reward_fails[stream] = False
            else:
                self.record(stream, followed, DISCARDED if late else ends[stream])
            self.observed[stream] = followed
            self.starts[stream] = False
            self.resets[stream] = over and self.next_step
            if over and not self.next_step:
                final[stream] = followed
                self.observed[stream] = self.number(stream)
                self.starts[stream] = True
        rewards = [reward_of(number) * there for number, there in zip(acted_on, valid, strict=True)]
        rewards = [NAN if stream in spoiled else reward for stream, reward in enumerate(rewards)]
        return actions, own, self.answer(rewards, ends, final, None if all(valid) else valid, acted_on)

    def spoil(self, what, stream=None):
        """The next observation or reward of a stream does not fit; other moves do nothing."""
        if what == "unfit":
            self.observation_fails[stream] = True
        elif what == "unfit reward":
            self.reward_fails[stream] = True

    def record(self, stream, followed, end):
        number = self.observed[stream]
        position = self.positions[stream]
        self.positions[stream] += 1
        if number in self.unfit:
            return
        if followed in self.unfit and end != TERMINATED:
            end = DISCARDED
        self.rows.append(Made(stream, position, number, followed, self.starts[stream], end, self.iteration))

    def acted(self):
        numbers = self.observed
        own = {}
        if self.kind.valued:
            own = {n: np.array([values_of(k)[n] for k in numbers], np.float32) for n in ("value", "best")}
        self.calls += 1
        if self.kind.stored and self.calls % 3 == 1:
            own["state"] = np.array([state_of(number) for number in numbers], np.float32)
            self.stored.update(numbers)
        return np.array([number % ACTIONS for number in numbers]), own

    def seen(self, number):
        """The observation with this number."""
        names = [name for name in observed_names(self.kind) if name != "mask"]
        made = {name: np.array(values_of(number)[name], specs(self.kind)[name].dtype) for name in names}
        if number in self.unfit:
            made["observation"][:] = NAN
        return made

    def answer(self, rewards, ends, final, valid, acted_on):
        seen = [self.seen(number) for number in self.observed]
        masked = self.kind.masked
        timed = self.kind.timed
        return Step(
            {name: np.stack([row[name] for row in seen]) for name in seen[0]},
            np.array(rewards, np.float32),
            np.array([end == TERMINATED for end in ends]),
            np.array([end == TRUNCATED for end in ends]),
            {stream: self.seen(number) for stream, number in final.items()},
            None if valid is None else np.array(valid),
            np.array([mask_of(number) for number in self.observed]) if masked else None,
            {stream: np.array(mask_of(number)) for stream, number in final.items()} if masked else {},
            durations=np.array([duration_of(number) for number in acted_on], np.float32) if timed else None,
        )


def recorder_of(kind, on_unfit=lambda sentence: None):
    spec = env_spec(kind)
    own = {name: specs(kind)[name] for name in ("state", "value", "best") if name in specs(kind)}
    return Recorder(step_columns(spec, own, 1e6), spec.observations, on_unfit=on_unfit)


class Comparison:
    """Reads the recorder's messages and those that are built, and compares the rows."""

    def __init__(self, world):
        self.world = world
        self.recorded = Oracle()
        self.built = Oracle()

    def take(self, batch):
        rows = in_order(self.world.rows)
        self.world.rows = []
        assert (batch is None) == (not rows)
        if batch is None:
            return
        kind = self.world.kind
        assert segments_error(batch.segments, len(rows), STREAMS) is None
        expected = build(rows, kind._replace(stored=0))
        assert batch.columns.keys() == expected.columns.keys() and batch.after.keys() == expected.after.keys()
        for name, column in expected.columns.items():
            assert batch.columns[name].dtype == column.dtype
        self.recorded.take(batch, "client")
        self.built.take(expected, "client")
        for row, made in zip(self.built.rows[-len(rows) :], rows, strict=True):
            if made.number in self.world.stored:
                row.values["state"] = state_of(made.number)

    def assert_same(self):
        firsts = []
        for oracle in (self.recorded, self.built):
            firsts.append({})
            for row in oracle.rows:
                firsts[-1].setdefault(row.stream, row.position)
        assert len(self.recorded.rows) == len(self.built.rows)
        for mine, theirs in zip(self.recorded.rows, self.built.rows, strict=True):
            for name in ("stream", "iteration", "source", "start", "end"):
                assert getattr(mine, name) == getattr(theirs, name), name
            assert mine.position - firsts[0][mine.stream] == theirs.position - firsts[1][theirs.stream]
            assert mine.values.keys() == theirs.values.keys()
            self._assert_equal(mine.values, theirs.values)
            assert (mine.ahead is None) == (theirs.ahead is None) and (mine.back is None) == (theirs.back is None)
            if mine.end not in (TERMINATED, DISCARDED):
                self._assert_equal(following(mine), following(theirs))

    @staticmethod
    def _assert_equal(mine, theirs):
        for name in mine.keys() & theirs.keys():
            np.testing.assert_array_equal(mine[name], theirs[name])


def play(kind, next_step, moves):
    world = World(kind, next_step)
    recorder = recorder_of(kind)
    comparison = Comparison(world)
    recorder.begin(world.restart())
    recorder.load(0, None)
    for what, *how in [*moves, ("take",)]:
        if what == "step":
            np.testing.assert_array_equal(recorder.starts, world.starts)
            before = sum(world.positions)
            actions, own, step = world.step(*how)
            rows = recorder.record(actions, own, step, late=how[1])
            assert rows == sum(world.positions) - before
        elif what == "take":
            comparison.take(recorder.take())
        elif what == "load":
            world.iteration += 1
            recorder.load(world.iteration, None)
        elif what == "begin":
            recorder.begin(world.restart())
        else:
            world.spoil(what, *how)
    comparison.assert_same()


@pytest.mark.parametrize("kind", [PLAIN, KIND])
@settings(max_examples=20, deadline=None)
@given(next_step=st.booleans(), moves=st.lists(st.sampled_from(MOVES), min_size=15, max_size=40))
def test_recorded_rows_are_those_that_are_built_one_by_one(kind, next_step, moves):
    play(kind, next_step, moves)


@settings(max_examples=25, deadline=None)
@given(
    next_step=st.booleans(), moves=st.lists(st.sampled_from(MOVES), min_size=15, max_size=40), quota=st.integers(0, 9)
)
def test_quota_is_closed_once_with_the_rows_that_were_sent_in_all_messages_of_the_model(next_step, moves, quota):
    world = World(PLAIN, next_step)
    recorder = recorder_of(PLAIN)
    recorder.begin(world.restart())
    recorder.load(0, quota)
    sent = 0
    made = 0
    for what, *how in moves:
        if what.startswith("unfit"):
            world.spoil(what, *how)
        if what == "step" and not recorder.quota_reached:
            made += recorder.record(*world.step(*how), late=how[1])
        assert recorder.quota_reached == (made >= quota)
        if what != "take" and not recorder.quota_reached:
            continue
        batch = recorder.take()
        sent = sent + len(world.rows)
        world.rows = []
        assert (None if batch is None else batch.closed) == (
            Closed(world.iteration, sent) if recorder.quota_reached else None
        )
        if recorder.quota_reached:
            assert recorder.take() is None
            world.iteration += 1
            recorder.load(world.iteration, quota)
            sent = made = 0


def test_column_that_does_not_fit_is_reported_once():
    sentences = []
    world = World(PLAIN, False)
    recorder = recorder_of(PLAIN, sentences.append)
    recorder.begin(world.restart())
    for step in range(5):
        world.observation_fails = [step in (1, 2, 4), False]
        recorder.record(*world.step((GOES_ON, GOES_ON), False))
    recorder.take()
    assert len(sentences) == 1 and "observation" in sentences[0]
    assert recorder.left_out == 2  # the newest is not acted on yet


def test_specs_of_the_histories_are_the_columns_of_steps():
    own = {name: specs(KIND)[name] for name in ("state", "value", "best")}
    columns = step_columns(env_spec(KIND), own, np.inf)
    assert {name: (s.shape, s.dtype, s.sparse) for name, s in columns.items()} == {
        name: (s.shape, s.dtype, s.sparse) for name, s in specs(KIND).items()
    }
