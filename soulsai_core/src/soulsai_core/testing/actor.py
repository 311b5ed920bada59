"""The contract of actors, a part of `AlgorithmContract`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from soulsai_core.contracts import Actor
from soulsai_core.messages import Arrays, Discrete, Weights
from soulsai_core.testing.arrays import assert_actions_fit, draw
from soulsai_core.testing.rollout import Rollout, Subject, copied, frozen, read_only

STEPS = 60
SCHEDULE = (0, 10**9)
"""Environment steps at which schedules such as epsilon begin, and at which they have surely ended."""


class ActorContract:
    """Part of `AlgorithmContract`; each test takes the fixture `subject`."""

    @pytest.mark.parametrize("explore", [True, False])
    @pytest.mark.parametrize("num_envs", [1, 4])
    def test_actions_lie_in_the_action_space(self, subject: Subject, num_envs: int, explore: bool) -> None:
        """For one environment and for several, at the beginning and the end of schedules."""
        for env_steps in SCHEDULE:
            actor = subject.loaded_actor(explore=explore, env_steps=env_steps)
            for observations, starts in _seen(subject, num_envs):
                actions, _ = actor.act(observations, None, starts)
                assert_actions_fit(actions, subject.spec.action, num_envs)

    @pytest.mark.parametrize("explore", [True, False])
    def test_actions_respect_the_mask_of_each_row(self, subject: Subject, explore: bool) -> None:
        """Also next to a row without any valid action, in which all actions count as valid."""
        if not isinstance(subject.spec.action, Discrete):
            pytest.skip("masks are for Discrete actions")
        rng = np.random.default_rng(0)
        masked = subject.masked()
        n = subject.spec.action.n
        for env_steps in SCHEDULE:
            actor = masked.loaded_actor(explore=explore, env_steps=env_steps)
            for observations, starts in _seen(masked, 4):
                # Row 0 has at least one valid action, row 3 has none, and the others any number of them.
                masks = rng.random((4, n)) < 0.3
                masks[0, rng.integers(n)] = True
                masks[3] = False
                actions, _ = actor.act(observations, masks, starts)
                assert_actions_fit(actions, masked.spec.action, 4, masks)

    @pytest.mark.parametrize("next_step", [False, True], ids=["same_step", "next_step"])
    @pytest.mark.parametrize("num_envs", [1, 3])
    def test_recorded_steps_fit_the_declared_columns(self, subject: Subject, num_envs: int, next_step: bool) -> None:
        """Names, dtypes, shapes and bounds of the own columns are those that the plugin declares. Other rows are not
        recorded."""
        rollout = subject.rollout(num_envs, next_step=next_step)
        rollout.play(STEPS)
        assert rollout.recorder.rows > 0
        assert rollout.recorder.take() is not None and rollout.recorder.left_out == 0

    def test_nothing_is_remembered_beyond_a_start(self, subject: Subject) -> None:
        """Once `starts` marks all episodes as new, an actor that has acted before acts as a new one does."""
        new = subject.loaded_actor(explore=False)
        other = subject.loaded_actor(explore=False)
        for observations, starts in _seen(subject, 3, seed=1):
            other.act(observations, None, starts)
        for observations, starts in _seen(subject, 3):
            _assert_same_rows(new.act(observations, None, starts), other.act(observations, None, starts), [0, 1, 2])

    def test_start_of_one_row_concerns_no_other(self, subject: Subject) -> None:
        """A new actor acts the same in that row, and an actor without the start the same in the others."""
        new, plain, started = (subject.loaded_actor(explore=False) for _ in range(3))
        for observations, starts in _seen(subject, 3, seed=1):
            plain.act(observations, None, starts)
            started.act(observations, None, starts)
        for turn, (observations, all_start) in enumerate(_seen(subject, 3)):
            result = started.act(observations, None, frozen(np.array([turn == 0, False, False])))
            _assert_same_rows(result, new.act(observations, None, all_start), [0])
            _assert_same_rows(result, plain.act(observations, None, np.zeros(3, np.bool_)), [1, 2])

    def test_number_of_environments_may_change(self, subject: Subject) -> None:
        """All episodes begin when it does."""
        new = subject.loaded_actor(explore=False)
        other = subject.loaded_actor(explore=False)
        for observations, starts in _seen(subject, 3, seed=1):
            other.act(observations, None, starts)
        for observations, starts in _seen(subject, 2):
            _assert_same_rows(new.act(observations, None, starts), other.act(observations, None, starts), [0, 1])

    def test_without_exploration_it_plays_its_best_whatever_else_happens(self, subject: Subject) -> None:
        """Generators, schedules and other calls change nothing: actions depend on observations and weights alone."""
        plain = subject.loaded_actor(explore=False)
        other = subject.loaded_actor(1, explore=False, env_steps=10**9)
        other_weights = subject.weights(10**6, seed=1)
        for observations, starts in _seen(subject, 2):
            other.index_assigned(3)
            other.load(subject.weights(env_steps=10**9))
            other.prepare(other_weights)
            other.metrics()
            _assert_same_rows(plain.act(observations, None, starts), other.act(observations, None, starts), [0, 1])

    def test_prepared_weights_change_nothing_before_they_are_loaded(self, subject: Subject) -> None:
        """Other weights may be loaded in their place."""
        plain = subject.loaded_actor()
        other = subject.loaded_actor()
        other_weights = Weights(10**6, subject.weights(seed=1).arrays, 10**9)
        for observations, starts in _seen(subject, 2):
            result = plain.act(observations, None, starts)
            other.prepare(other_weights)
            _assert_same_rows(result, other.act(observations, None, starts), [0, 1])

    def test_loaded_weights_are_acted_with(self, subject: Subject) -> None:
        """Actions are those of an actor that never had other weights, whether these were prepared or not."""
        for prepared in (False, True):
            new = subject.loaded_actor(explore=False)
            other = subject.actor(explore=False)
            other.load(subject.weights(seed=1))
            _acted(other, subject, seed=1)
            if prepared:
                other.prepare(subject.weights(1))
            other.load(subject.weights(1))
            for observations, starts in _seen(subject, 2):
                _assert_same_rows(new.act(observations, None, starts), other.act(observations, None, starts), [0, 1])

    def test_actor_does_not_change_what_it_is_given(self, subject: Subject) -> None:
        """The core records observations after `act`. In this test, writing to them raises an error."""
        _played(subject)

    def test_what_it_gives_does_not_change(self, subject: Subject) -> None:
        """Actions and own columns wait to be sent while the actor continues."""
        for given, then in _played(subject).results:
            _assert_equal(given, then)

    def test_same_generator_gives_the_same_actions(self, subject: Subject) -> None:
        """All randomness comes from the generator that the plugin's function was given."""
        for (one, _), (other, _) in zip(_played(subject).results, _played(subject).results, strict=True):
            _assert_equal(one, other)

    def test_metrics_are_finite_numbers(self, subject: Subject) -> None:
        """They are reported with each episode, as JSON."""
        metrics = _played(subject).actor.metrics()
        assert all(np.isfinite(float(value)) for value in metrics.values()), metrics


def _seen(subject: Subject, rows: int, *, seed: int = 0, steps: int = 20) -> Iterator[tuple[Arrays, np.ndarray]]:
    """Read-only observations, and `starts` for episodes that begin with the first of them."""
    rng = np.random.default_rng(seed)
    for step in range(steps):
        observations = {name: draw(spec, rows, rng) for name, spec in subject.spec.observations.items()}
        yield read_only(observations), frozen(np.full(rows, step == 0))


def _acted(actor: Actor, subject: Subject, seed: int) -> None:
    for observations, starts in _seen(subject, 2, seed=seed):
        actor.act(observations, None, starts)


def _played(subject: Subject) -> Rollout:
    rollout = subject.rollout(2)
    rollout.play(STEPS)
    return rollout


def _assert_same_rows(one: tuple[np.ndarray, Arrays], other: tuple[np.ndarray, Arrays], rows: list[int]) -> None:
    """Compare actions and own columns; sparse columns only where both have them."""
    named = [{"action": actions, **own} for actions, own in (one, other)]
    for name in named[0].keys() & named[1].keys():
        np.testing.assert_allclose(named[0][name][rows], named[1][name][rows], rtol=1e-5, atol=1e-6, err_msg=name)


def _assert_equal(one: Arrays, other: Arrays) -> None:
    assert one.keys() == other.keys()
    for name, array in copied(one).items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
