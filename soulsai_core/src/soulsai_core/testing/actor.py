"""What every actor must do."""

from __future__ import annotations

import numpy as np
import pytest

from soulsai_core.messages import Discrete, SampleBatch, Weights
from soulsai_core.testing.arrays import assert_actions_fit, assert_rows_fit, draw
from soulsai_core.testing.rollout import Rollout, Subject, read_only

STEPS = 60
SETTLE = 100_000


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
        rollout.settle(SETTLE)
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
        rollout.settle(SETTLE)
        assert rollout.rows == rollout.chosen.total()

    def test_ended_episodes_do_not_wait_for_the_next_ones(self, subject: Subject) -> None:
        """After an end nothing is pending but what an actor gathers for a fixed number of rows."""
        rollout = subject.rollout(1, lengths=(7,))
        rollout.play(7)
        missing = rollout.chosen.total() - rollout.rows
        rollout.cut()
        assert rollout.chosen.total() - rollout.rows == missing

    @pytest.mark.parametrize("next_step", [False, True], ids=["same_step", "next_step"])
    def test_rows_carry_the_iteration_that_chose_their_action(self, subject: Subject, next_step: bool) -> None:
        """New weights come in the middle of episodes, in one loop after each step."""
        rollout = subject.rollout(2, next_step=next_step)
        for _ in range(STEPS):
            rollout.step()
            rollout.refresh()
        rollout.settle(SETTLE)
        assert rollout.stamps() == rollout.chosen

    def test_cut_gives_out_the_rows_of_an_unfinished_episode(self, subject: Subject) -> None:
        """The environment broke; what was seen of the episode still counts."""
        rollout = subject.rollout(2, lengths=(10**6,))
        rollout.play(STEPS)
        rollout.settle(SETTLE)
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

    def test_actor_copies_what_it_keeps(self, subject: Subject) -> None:
        """Environments may reuse their arrays."""
        _assert_same_samples(_played(subject.rollout(2)), _played(subject.rollout(2, spoil=True)))

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
    rollout.settle(SETTLE)
    return rollout.batches


def _copied(batch: SampleBatch) -> SampleBatch:
    return batch.select(np.ones(len(batch), np.bool_))


def _assert_same_samples(one: list[SampleBatch], other: list[SampleBatch]) -> None:
    assert [len(batch) for batch in one] == [len(batch) for batch in other]
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.iteration, right.iteration)
        for name, column in left.columns.items():
            np.testing.assert_array_equal(column, right.columns[name], err_msg=name)
