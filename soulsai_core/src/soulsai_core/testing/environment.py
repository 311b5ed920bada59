"""The contract of an environment plugin, as tests that its author runs.

    from soulsai_core.testing.environment import EnvironmentContract

    class TestMyGame(EnvironmentContract):
        @pytest.fixture
        def plugin(self):
            return my_package.plugin

        @pytest.fixture
        def config(self):
            return my_package.Config(max_episode_steps=50)

Random actions must end an episode within `steps` steps; set it higher for longer episodes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import msgspec
import numpy as np
import pytest

from soulsai_core.contracts import Environment, EnvironmentPlugin
from soulsai_core.messages import Arrays, Discrete, EnvSpec, Step
from soulsai_core.testing.arrays import assert_bounds_hold, assert_rows_fit, draw_actions
from soulsai_core.testing.essentials import EssentialContract
from soulsai_core.testing.plugin import PluginContract

Make = Callable[[int | None], Environment]


class EnvironmentContract(PluginContract, EssentialContract):
    """Needs the fixtures `plugin` and `config`."""

    kind = "environment"

    steps = 400

    @pytest.fixture
    def trial_arguments(self) -> tuple[Any, ...]:
        """Seconds of the trial: the tests below play long enough for the ends of episodes."""
        return (1.0,)

    @pytest.fixture
    def spec(self, plugin: EnvironmentPlugin, config: Any) -> EnvSpec:
        """The plugin's spec of the environment."""
        return plugin.spec(config)

    @pytest.fixture
    def make(self, plugin: EnvironmentPlugin, config: Any) -> Iterator[Make]:
        """A function that makes an environment from a seed. All are closed at the end of the test."""
        with ExitStack() as stack:
            yield lambda seed: stack.enter_context(closing(plugin.make(config, seed)))

    def test_spec_is_the_same_every_time_and_survives_the_wire(self, plugin: Any, config: Any, spec: EnvSpec) -> None:
        """The node and each client make it, and the node announces its own."""
        assert plugin.spec(config) == spec
        assert msgspec.json.decode(msgspec.json.encode(spec), type=EnvSpec) == spec

    def test_reset_fits_the_spec(self, make: Make, spec: EnvSpec) -> None:
        """And it has neither rewards nor ends."""
        environment = make(0)
        step = environment.reset()
        _assert_step_fits(step, spec, environment.num_envs)
        assert not (step.rewards.any() or step.terminated.any() or step.truncated.any() or step.final)

    def test_steps_fit_the_spec(self, make: Make, spec: EnvSpec) -> None:
        """Arrays, masks, final observations and metrics, over many episodes."""
        environment = make(0)
        for step in _play(environment, spec, self.steps):
            _assert_step_fits(step, spec, environment.num_envs)

    def test_episodes_end_and_go_on_by_themselves(self, make: Make, spec: EnvSpec) -> None:
        """Only a row that ended has a final observation, and only a row that ended in the step before may be reset."""
        ends = 0
        ended_before = np.zeros(0, np.bool_)
        for step in _play(make(0), spec, self.steps):
            ended = step.terminated | step.truncated
            assert all(ended[row] for row in (*step.final, *step.final_masks))
            if step.valid is not None:
                assert not (ended & ~step.valid).any(), "a row that was only reset has ended"
                assert (ended_before | step.valid).all(), "a row was reset in the middle of its episode"
                assert not step.rewards[~step.valid].any(), "a row that was only reset has a reward"
            ends = ends + int(ended.sum())
            ended_before = ended
        assert ends, f"no episode ended within {self.steps} random steps; set `steps` higher"

    def test_end_is_followed_by_a_new_episode_at_once_or_by_a_reset_row(self, make: Make, spec: EnvSpec) -> None:
        """A row that ended has its last observation in `final`, or is reset by the next step."""
        waiting = np.zeros(0, np.bool_)
        for step in _play(make(0), spec, self.steps):
            ended = step.terminated | step.truncated
            # `waiting` is empty at the first step, before which nothing can have ended.
            reset = np.zeros_like(ended) if step.valid is None else ~step.valid
            assert (reset[: len(waiting)] == waiting).all(), "an ended row went on without a new episode"
            waiting = ended & ~np.isin(np.arange(len(ended)), list(step.final))

    def test_arrays_given_out_do_not_change(self, make: Make, spec: EnvSpec) -> None:
        """The client keeps them until they are sent."""
        kept = [(step, copy.deepcopy(step)) for step in _play(make(0), spec, 50)]
        for step, then in kept:
            _assert_same(step, then)

    def test_same_seed_gives_the_same_episodes(self, make: Make, spec: EnvSpec) -> None:
        """If the actions are the same."""
        first, second = (_play(make(7), spec, 100) for _ in range(2))
        for one, other in zip(first, second, strict=True):
            _assert_same(one, other)

    def test_step_in_two_halves_is_the_same_step(self, make: Make, spec: EnvSpec) -> None:
        """Clients call `step_async` and `step_wait` if the environment is `overlapping`. Both ways may alternate."""
        whole = make(7)
        halves = make(7)
        rng = np.random.default_rng(0)
        step = whole.reset()
        _assert_same(step, halves.reset())
        for turn in range(100):
            actions = draw_actions(spec.action, step.masks, whole.num_envs, rng)
            step = whole.step(actions)
            # Both ways of stepping in turn: one may leave something behind for the other.
            if turn % 3:
                halves.step_async(actions)
                _assert_same(step, halves.step_wait())
            else:
                _assert_same(step, halves.step(actions))

    def test_closing_in_the_middle_of_a_step_is_harmless(self, make: Make, spec: EnvSpec) -> None:
        """The client may fail at what it does meanwhile."""
        environment = make(0)
        step = environment.reset()
        environment.step_async(draw_actions(spec.action, step.masks, environment.num_envs, np.random.default_rng(0)))
        environment.close()

    def test_later_episodes_are_not_copies_of_the_first(self, make: Make) -> None:
        """The seed is for the first reset only. Later ones must not reset the random generator."""
        environment = make(7)
        firsts = [environment.reset().observations for _ in range(8)]
        if all(_equal(firsts[0], make(seed).reset().observations) for seed in range(8)):
            pytest.skip("all episodes begin alike, whatever the seed")
        assert not all(_equal(firsts[0], other) for other in firsts[1:])

    def test_no_seed_is_needed(self, make: Make, spec: EnvSpec) -> None:
        """Clients have none by default."""
        for _ in _play(make(None), spec, 3):
            pass

    def test_closing_twice_is_harmless(self, make: Make, spec: EnvSpec) -> None:
        """Before the first reset, and in the middle of an episode."""
        make(0).close()
        environment = make(0)
        for _ in _play(environment, spec, 3):
            pass
        environment.close()
        environment.close()


def _play(environment: Environment, spec: EnvSpec, steps: int) -> Iterator[Step]:
    rng = np.random.default_rng(0)
    step = environment.reset()
    for _ in range(steps):
        step = environment.step(draw_actions(spec.action, step.masks, environment.num_envs, rng))
        yield step


def _assert_step_fits(step: Step, spec: EnvSpec, rows: int) -> None:
    assert_rows_fit(step.observations, spec.observations, rows)
    assert_bounds_hold(step.observations, spec.observations)
    for final in step.final.values():
        assert_rows_fit(final, spec.observations)
    assert step.rewards.dtype == np.float32 and step.rewards.shape == (rows,)
    for flags in (step.terminated, step.truncated, *(() if step.valid is None else (step.valid,))):
        assert flags.dtype == np.bool_ and flags.shape == (rows,)
    _assert_masks_fit(step, spec, rows)
    assert (step.durations is not None) == spec.timed, f"spec.timed is {spec.timed}, durations are {step.durations}"
    if step.durations is not None:
        assert step.durations.dtype == np.float32 and step.durations.shape == (rows,)
    for row, metrics in step.metrics.items():
        assert 0 <= row < rows and all(type(value) is float for value in metrics.values()), metrics


def _assert_masks_fit(step: Step, spec: EnvSpec, rows: int) -> None:
    assert (step.masks is not None) == spec.masked, f"spec.masked is {spec.masked}, masks are {step.masks}"
    if step.masks is not None:
        assert isinstance(spec.action, Discrete), "masks are for Discrete actions"
        count = spec.action.n
        assert step.masks.dtype == np.bool_ and step.masks.shape == (rows, count)
        assert set(step.final_masks) == set(step.final)
        assert all(mask.dtype == np.bool_ and mask.shape == (count,) for mask in step.final_masks.values())


def _assert_same(one: Step, other: Step) -> None:
    assert _equal(one.observations, other.observations)
    for name in ("rewards", "terminated", "truncated", "masks", "valid", "durations"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.final.keys() == other.final.keys()
    assert all(_equal(final, other.final[row]) for row, final in one.final.items())


def _equal(one: Arrays, other: Arrays) -> bool:
    return all(np.array_equal(array, other[name], equal_nan=array.dtype.kind == "f") for name, array in one.items())
