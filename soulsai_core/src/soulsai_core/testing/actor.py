"""What every actor must do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from soulsai_core.messages import Discrete, EnvSpec, SampleBatch, Step, Weights
from soulsai_core.testing.arrays import assert_actions_fit, assert_rows_fit, draw
from soulsai_core.testing.rollout import Rollout, Subject, read_only
from soulsai_core.testing.scripted import ScriptedEnvironment

STEPS = 60


class ActorContract:
    """Part of `AlgorithmContract`; each test takes the fixture `subject`."""

    @pytest.mark.parametrize("num_envs", [1, 4])
    def test_actions_lie_in_the_action_space(self, subject: Subject, num_envs: int) -> None:
        """For one environment and for several, whatever the schedules say; the environment checks them."""
        for env_steps in (0, 10**9):
            rollout = subject.rollout(num_envs)
            rollout.load(Weights(1, read_only(subject.learner().weights()), env_steps))
            rollout.play(STEPS)

    def test_actions_respect_the_mask_of_each_row(self, subject: Subject) -> None:
        """Exploring or not."""
        _skip_unless_discrete(subject)
        for env_steps in (0, 10**9):
            rollout = subject.masked().rollout(3)
            rollout.load(Weights(1, read_only(subject.learner().weights()), env_steps))
            rollout.play(STEPS)

    def test_row_without_valid_actions_does_not_disturb_the_others(self, subject: Subject) -> None:
        """Whether everything is masked is a question for each row."""
        action = _skip_unless_discrete(subject)
        rng, masked = np.random.default_rng(0), subject.masked()
        for env_steps in (0, 10**9):
            actor = masked.actor()
            actor.load(Weights(0, read_only(masked.learner().weights()), env_steps))
            masks = np.zeros((3, action.n), np.bool_)
            masks[2, action.n - 1] = True
            for _ in range(STEPS):
                observations = {name: draw(spec, 3, rng) for name, spec in masked.spec.observations.items()}
                assert_actions_fit(actor.act(read_only(observations), masks), action, 3, masks)

    @pytest.mark.parametrize("num_envs", [1, 3])
    def test_samples_fit_the_declared_columns(self, subject: Subject, num_envs: int) -> None:
        """Names, dtypes and shapes are those of `Learner.columns`: others are rejected by the node."""
        rollout, learner = subject.rollout(num_envs), subject.learner()
        rollout.play(STEPS)
        rollout.settle()
        assert rollout.batches, f"no samples after {rollout.chosen.total()} steps"
        for batch in rollout.batches:
            assert batch.iteration.dtype == np.int64 and batch.iteration.shape == (len(batch),)
            assert_rows_fit(batch.columns, learner.columns, len(batch))

    @pytest.mark.parametrize("next_step", [False, True], ids=["same_step", "next_step"])
    @pytest.mark.parametrize("num_envs", [1, 3])
    def test_each_step_becomes_one_row(self, subject: Subject, num_envs: int, next_step: bool) -> None:
        """Episodes of one step, tails, truncations, rows that were only reset: nothing is lost, nothing doubled."""
        rollout = subject.rollout(num_envs, next_step=next_step)
        rollout.play(STEPS)
        rollout.settle()
        assert rollout.rows == rollout.chosen.total()

    def test_rows_of_an_episode_do_not_depend_on_the_next_one(self, subject: Subject) -> None:
        """No return or advantage runs over an end, be it termination or truncation."""
        one, other = (subject.rollout(environment=_Forked(subject.spec, after=9, seed=seed)) for seed in (1, 2))
        first, second = ([row for batch in _played(rollout) for row in _rows(batch)] for rollout in (one, other))
        assert first[:9] == second[:9]
        assert first[9:] != second[9:], "two different later episodes gave the same rows"

    @pytest.mark.parametrize("next_step", [False, True], ids=["same_step", "next_step"])
    def test_rows_carry_the_iteration_that_chose_their_action(self, subject: Subject, next_step: bool) -> None:
        """New weights come in the middle of episodes, in one loop after each step."""
        rollout = subject.rollout(2, next_step=next_step)
        for _ in range(STEPS):
            rollout.step()
            rollout.refresh()
        rollout.settle()
        assert rollout.stamps() == rollout.chosen

    @pytest.mark.parametrize("next_step", [False, True], ids=["same_step", "next_step"])
    def test_rows_are_whole_where_clients_work_while_a_step_is_under_way(
        self, subject: Subject, next_step: bool
    ) -> None:
        """Samples are taken and weights prepared between `act` and `add`; the weights are loaded after that."""
        rollout = subject.rollout(2, next_step=next_step)
        for _ in range(STEPS):
            coming = rollout.newer()

            def work(coming: Weights = coming) -> None:
                rollout.actor.prepare(coming)
                rollout.collect()

            rollout.step(work)
            rollout.load(coming)
        rollout.settle()
        assert rollout.rows == rollout.chosen.total()
        assert rollout.stamps() == rollout.chosen

    def test_prepared_weights_change_nothing_before_they_are_loaded(self, subject: Subject) -> None:
        """Others may be loaded in their place."""
        plain, other = subject.rollout(2), subject.rollout(2)
        strange = Weights(10**6, read_only(subject.learner(seed=1).weights()), 10**9)
        for _ in range(STEPS):
            for rollout in (plain, other):
                if not rollout.actor.ready():
                    rollout.refresh()
            plain.step()
            other.step(lambda: other.actor.prepare(strange))
        plain.settle()
        other.settle()
        _assert_same_samples(plain.batches, other.batches)

    def test_cut_gives_out_the_rows_of_an_unfinished_episode(self, subject: Subject) -> None:
        """The environment broke; what was seen of the episode still counts."""
        rollout = subject.rollout(2, lengths=(10**6,))
        rollout.play(STEPS)
        rollout.settle()
        assert rollout.rows == rollout.chosen.total()

    def test_cut_without_an_episode_gives_nothing(self, subject: Subject) -> None:
        """It may fail before its first step, and twice in a row."""
        rollout = subject.rollout()
        rollout.cut()
        rollout.cut()
        assert rollout.rows == 0

    def test_rows_are_given_out_once(self, subject: Subject) -> None:
        """A second take finds nothing."""
        rollout = subject.rollout(2)
        for _ in range(STEPS):
            rollout.play(1)
            assert rollout.actor.take() is None

    def test_actor_does_not_change_what_it_is_given(self, subject: Subject) -> None:
        """Steps that follow share their arrays; here, to write into one is an error."""
        _played(subject.rollout(2))

    def test_samples_given_out_do_not_change(self, subject: Subject) -> None:
        """They wait for the sender while the actor goes on."""
        rollout = subject.rollout(2)
        kept: list[SampleBatch] = []
        for _ in range(STEPS):
            rollout.play(1)
            kept += [_copied(batch) for batch in rollout.batches[len(kept) :]]
        _assert_same_samples(kept, rollout.batches)

    def test_same_generator_gives_the_same_samples(self, subject: Subject) -> None:
        """All randomness comes from the generator that was handed in."""
        _assert_same_samples(_played(subject.rollout(2)), _played(subject.rollout(2)))

    def test_metrics_are_finite_numbers(self, subject: Subject) -> None:
        """They are reported with each episode."""
        rollout = subject.rollout()
        rollout.play(STEPS)
        metrics = rollout.actor.metrics()
        assert all(np.isfinite(float(value)) for value in metrics.values()), metrics


def _skip_unless_discrete(subject: Subject) -> Discrete:
    if not isinstance(subject.spec.action, Discrete):
        pytest.skip("masks are for Discrete actions")
    return subject.spec.action


def _played(rollout: Rollout) -> list[SampleBatch]:
    rollout.play(STEPS)
    rollout.settle()
    return rollout.batches


class _Forked(ScriptedEnvironment):
    """A terminated and a truncated episode, the same for every seed, of `after` steps together; then others."""

    def __init__(self, spec: EnvSpec, *, after: int, seed: int) -> None:
        super().__init__(spec, lengths=(5, after - 5))
        self._left, self._later = after, seed

    def step(self, actions: np.ndarray) -> Step:
        self._left -= 1
        answer = super().step(actions)
        if self._left == 0:
            self.reseed(self._later)
        return answer


def _rows(batch: SampleBatch) -> Iterator[list[bytes]]:
    """The rows of a batch in a form that can be compared; of one environment they come in the order of time."""
    for row in range(len(batch)):
        yield [name.encode() + column[row].tobytes() for name, column in sorted(batch.columns.items())]


def _copied(batch: SampleBatch) -> SampleBatch:
    return batch.select(np.ones(len(batch), np.bool_))


def _assert_same_samples(one: list[SampleBatch], other: list[SampleBatch]) -> None:
    assert [len(batch) for batch in one] == [len(batch) for batch in other]
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.iteration, right.iteration)
        for name, column in left.columns.items():
            np.testing.assert_array_equal(column, right.columns[name], err_msg=name)
