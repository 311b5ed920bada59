"""The contract of learners, a part of `AlgorithmContract`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from soulsai_core.contracts import Learner
from soulsai_core.errors import CheckpointError
from soulsai_core.messages import Arrays, State
from soulsai_core.steps import END, MASK, End, StepBatch, step_columns, taken, taken_columns
from soulsai_core.testing.rollout import MAX_VALUE, Subject, Training, copied


class LearnerContract:
    """Part of `AlgorithmContract`; each test takes the fixture `subject`."""

    def test_sync_is_possible(self, subject: Subject) -> None:
        """At least one iteration is admitted and one row is needed, and it is the same each time."""
        sync = subject.sync
        assert sync.max_staleness >= 1 and sync.rows_per_iteration >= 1 and sync.required_clients >= 0
        assert sync.sources and sync == subject.sync

    def test_own_columns_are_declared(self, subject: Subject) -> None:
        """With dtypes of plain numbers, and other names than the columns that every step has."""
        assert all(np.dtype(spec.dtype).kind in "biuf" for spec in subject.own.values())
        step_columns(subject.spec, subject.own, MAX_VALUE)

    def test_new_learner_is_not_ready(self, subject: Subject) -> None:
        """Without any row, it leaves the count to the node or returns False."""
        assert subject.learner().ready() in (None, False)

    def test_spare_time_may_come_at_any_time_and_ends(self, subject: Subject) -> None:
        """Before the first row there is nothing to do, and between two updates only so much."""
        training = Training(subject)
        assert training.learner.use_spare_time() is False
        training.run(1)
        assert any(not training.learner.use_spare_time() for _ in range(10_000)), "its work never ends"
        training.run(1)

    def test_update_changes_the_model_and_reports_finite_numbers(self, subject: Subject) -> None:
        """For several iterations, with steps of actors that have its weights."""
        training = Training(subject, num_envs=2)
        before = training.learner.weights()
        for _ in range(3):
            training.feed()
            metrics = training.update()
            assert all(np.isfinite(float(value)) for value in metrics.values()), metrics
        after = training.learner.weights()
        assert all(np.isfinite(array).all() for array in after.values())
        assert any(not np.array_equal(before[name], after[name]) for name in before)

    def test_weights_are_a_snapshot(self, subject: Subject) -> None:
        """They are sent while the next update already changes the model."""
        training = Training(subject)
        training.run(1)
        weights = training.learner.weights()
        kept = copied(weights)
        training.run(2)
        _assert_equal(weights, kept)

    def test_weights_keep_names_shapes_and_dtypes(self, subject: Subject) -> None:
        """Actors may rely on it."""
        training = Training(subject)
        before = _forms(training.learner.weights())
        training.run(1)
        assert _forms(training.learner.weights()) == before == _forms(subject.learner(seed=1).weights())
        assert all(np.dtype(dtype).kind in "biuf" for _, dtype in before.values())

    def test_weights_for_evaluation_are_such_weights_too(self, subject: Subject) -> None:
        """They are a snapshot that an actor can load, and the same after a checkpoint."""
        training = Training(subject)
        training.run(2)
        weights = training.learner.evaluation_weights()
        assert _forms(weights) == _forms(training.learner.weights())
        _assert_equal(_reloaded(subject, training, rows=False).evaluation_weights(), weights)
        kept = copied(weights)
        training.run(1)
        _assert_equal(weights, kept)

    def test_learner_copies_the_rows_it_keeps(self, subject: Subject) -> None:
        """They are views of a message whose memory is freed later."""
        training = Training(subject)
        # Both learners have the same generator and rows, so any difference comes from the overwritten arrays.
        spoiled = subject.learner()
        _start(spoiled, training)
        for _ in range(2):
            training.feed(spoil=spoiled)
            training.update()
            spoiled.update()
        _assert_equal(training.learner.weights(), spoiled.weights())

    def test_late_steps_and_restarted_environments_are_only_breaks(self, subject: Subject) -> None:
        """The model stays finite with discarded rows, missing positions and truncations in any order."""
        training = Training(subject, num_envs=3, with_failures=True)
        training.run(4)
        ends = np.concatenate([steps.segments[:, END] for _, steps in training.sent])
        assert {End.TERMINATED, End.TRUNCATED, End.DISCARDED} <= set(ends.tolist())
        assert all(np.isfinite(array).all() for array in training.learner.weights().values())

    def test_lost_message_does_not_stop_the_training(self, subject: Subject) -> None:
        """Missing rows are a break, and clients that wait for newer weights get them."""
        lost = _Losing()
        training = Training(subject, num_envs=2, changed=lost)
        training.run(3)
        assert lost.messages

    def test_rejected_message_does_not_stop_the_training(self, subject: Subject) -> None:
        """Rejected messages reach the learner without rows, and only if the client has made its quota."""
        Training(subject, num_envs=2, changed=_only_closed).run(3)

    def test_closing_message_may_have_no_rows(self, subject: Subject) -> None:
        """The learner learns the same if `closed` comes with the last rows of a client or in a message of its own."""
        together = Training(subject, num_envs=2)
        apart = Training(subject, num_envs=2, changed=_apart)
        together.run(2)
        apart.run(2)
        _assert_equal(together.learner.weights(), apart.learner.weights())

    def test_same_generator_makes_the_same_learner(self, subject: Subject) -> None:
        """All randomness comes from the generator that the plugin's function was given."""
        _assert_equal(subject.learner(seed=3).weights(), subject.learner(seed=3).weights())

    @pytest.mark.parametrize("updates", [0, 2])
    def test_state_is_numpy_arrays_and_json(self, subject: Subject, updates: int) -> None:
        """It is saved as safetensors and JSON."""
        training = Training(subject)
        training.run(updates)
        state = training.learner.save()
        json.dumps(state.values, allow_nan=False)
        for part, arrays in state.arrays.items():
            for name, array in arrays.items():
                assert isinstance(array, np.ndarray), f"{part}/{name} is {type(array).__name__}"
                assert array.dtype.kind in "biuf", f"{part}/{name} has dtype {array.dtype}"

    def test_state_is_a_snapshot(self, subject: Subject) -> None:
        """It may be written while the training goes on."""
        training = Training(subject)
        training.run(1)
        state = training.learner.save()
        kept = {part: copied(arrays) for part, arrays in state.arrays.items()}
        values = json.dumps(state.values)
        training.run(2)
        assert json.dumps(state.values) == values
        for part, arrays in kept.items():
            _assert_equal(state.arrays[part], arrays)

    @pytest.mark.parametrize("rows", [True, False])
    @pytest.mark.parametrize("updates", [0, 2])
    def test_loaded_learner_has_the_same_weights_and_learns_on(
        self, subject: Subject, updates: int, rows: bool
    ) -> None:
        """Whether or not its rows could be brought back, before and after updates."""
        training = Training(subject)
        training.run(updates)
        loaded = _reloaded(subject, training, rows=rows)
        _assert_equal(loaded.weights(), training.learner.weights())
        Training(subject, loaded).run(2)

    @pytest.mark.parametrize("updates", [0, 3])
    def test_loaded_learner_makes_the_same_next_updates(self, subject: Subject, updates: int) -> None:
        """The state has the optimizer, counters, schedules, normalizers and random states, and the rows that `reach`
        asks for are enough."""
        training = Training(subject)
        training.run(updates)
        loaded = _reloaded(subject, training)
        for _ in range(2):
            training.feed(loaded)
            assert loaded.ready() == training.learner.ready()
            training.update()
            loaded.update()
            # Sums of floats may come in another order after a reload, such as with another layout in memory.
            _assert_equal(loaded.weights(), training.learner.weights(), tolerance=1e-6)

    def test_state_in_the_middle_of_gathering_rows_loses_none(self, subject: Subject) -> None:
        """A checkpoint may be made between two iterations, with rows that no update has used yet."""
        training = Training(subject)
        training.run(1)
        training.feed()
        loaded = _reloaded(subject, training)
        assert loaded.ready() == training.learner.ready()
        training.update()
        loaded.update()
        _assert_equal(loaded.weights(), training.learner.weights(), tolerance=1e-6)

    def test_rows_before_a_checkpoint_can_be_brought_back(self, subject: Subject) -> None:
        """They come from the journal, and do not count toward an update."""
        training = Training(subject, num_envs=2)
        training.run(2)
        reach = training.learner.reach()
        assert type(reach) is int and 0 <= reach <= training.env_steps
        loaded = _reloaded(subject, training)
        assert loaded.reach() == reach
        assert loaded.ready() == training.learner.ready()
        _assert_equal(loaded.weights(), training.learner.weights())
        Training(subject, loaded).run(2)

    def test_steps_of_another_run_are_learned_from_and_brought_back(self, subject: Subject) -> None:
        """By a learner that takes them: they come without own columns but sparse ones, `reach` counts them, and
        after a checkpoint `restore` brings them back."""
        learner = subject.learner()
        capacity = learner.capacity()
        assert type(capacity) is int and capacity >= 0
        if not capacity:
            return
        sent = _of_another_run(subject, capacity)
        for client, steps in sent:
            learner.begin_with(steps, client)
        learner.clients_changed(frozenset())
        assert learner.reach() == sum(len(steps) for _, steps in sent)
        training = Training(subject, learner)
        loaded = _brought_back(subject, learner, sent, training.clients)
        for _ in range(2):
            training.feed(loaded)
            assert loaded.ready() == learner.ready()
            training.update()
            loaded.update()
            _assert_equal(loaded.weights(), learner.weights(), tolerance=1e-6)

    def test_foreign_state_is_refused(self, subject: Subject) -> None:
        """With a sentence, not with a KeyError."""
        # Both an empty state and one of another algorithm.
        for state in (State({}, {}), State({"foreign": {"weight": np.zeros(3)}}, {"foreign": 1})):
            with pytest.raises(CheckpointError, match=r"\w+ \w+"):
                subject.learner().load(state)

    def test_notifications_are_accepted(self, subject: Subject) -> None:
        """Also before the first row, and when the last client leaves."""
        learner = subject.learner()
        learner.started(resumed=False)
        learner.clients_changed(frozenset({"a", "b"}))
        learner.clients_changed(frozenset())
        learner.stopped()


def _start(learner: Learner, training: Training, *, resumed: bool = False) -> None:
    learner.started(resumed=resumed)
    learner.clients_changed(frozenset(training.clients))


def _reloaded(subject: Subject, training: Training, *, rows: bool = True) -> Learner:
    """Another learner with the state of the training's, and `rows` from the journal."""
    return _brought_back(subject, training.learner, training.sent if rows else [], training.clients)


def _brought_back(
    subject: Subject, learner: Learner, sent: Sequence[tuple[str, StepBatch]], clients: Iterable[str]
) -> Learner:
    """Another learner with another generator, the state as it comes from the disk, and the rows that it asks for of
    those that were sent."""
    state = learner.save()
    stored = State(
        {part: copied(arrays) for part, arrays in state.arrays.items()}, json.loads(json.dumps(state.values))
    )
    fresh = subject.learner(seed=99)
    fresh.load(stored)
    fresh.started(resumed=True)
    fresh.clients_changed(frozenset(clients))
    reach = fresh.reach()
    for client, steps in _newest(sent, reach):
        fresh.restore(steps, client)
    fresh.restored(complete=bool(sent) or not reach)
    return fresh


def _newest(sent: Sequence[tuple[str, StepBatch]], rows: int) -> Iterator[tuple[str, StepBatch]]:
    """The messages with the newest rows, and what closes a rollout behind them."""
    before = sum(len(steps) for _, steps in sent) - rows
    for client, steps in sent:
        if before <= 0 or len(steps) > before:
            yield client, steps.part(before, len(steps))
        before -= len(steps)


def _of_another_run(subject: Subject, capacity: int) -> list[tuple[str, StepBatch]]:
    """The newest rows of another training, as one begins with them."""
    other = Training(subject, num_envs=2)
    other.run(2)
    columns = taken_columns(step_columns(subject.spec, subject.own, MAX_VALUE), {MASK, *subject.spec.observations})
    return [(client, taken(steps, columns)) for client, steps in _newest(other.sent, capacity)]


class _Losing:
    """Loses the second message of every four, unless it says that the client waits."""

    def __init__(self) -> None:
        self.messages = 0
        self._number = 0

    def __call__(self, steps: StepBatch) -> list[StepBatch]:
        self._number += 1
        if steps.closed is not None or self._number % 4 != 2:
            return [steps]
        self.messages += 1
        return []


def _only_closed(steps: StepBatch) -> list[StepBatch]:
    return [steps] if steps.closed is None else [_without_rows(steps)]


def _apart(steps: StepBatch) -> list[StepBatch]:
    return [steps] if steps.closed is None else [replace(steps, closed=None), _without_rows(steps)]


def _without_rows(steps: StepBatch) -> StepBatch:
    return steps.select(np.zeros(len(steps.segments), np.bool_))


def _forms(arrays: Arrays) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (array.shape, array.dtype.name) for name, array in arrays.items()}


def _assert_equal(one: Arrays, other: Arrays, tolerance: float = 0.0) -> None:
    assert set(one) == set(other)
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], rtol=tolerance, atol=tolerance, err_msg=name)
