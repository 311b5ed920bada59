"""Checks what an environment returns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from soulsai_core.contracts import Environment
from soulsai_core.messages import Discrete, EnvSpec, Step
from soulsai_core.plugins.checks.checker import Checker, Flaw, array_flaw, as_number, described, rows_flaw
from soulsai_core.plugins.checks.reuse import CLOSE_LOOKS, Kept

_BOOL = np.dtype(np.bool_)
_FLOAT32 = np.dtype(np.float32)


class CheckedEnvironment(Environment):
    """An environment whose steps are checked: in full at resets and where an episode ended, by shape and dtype at each
    call."""

    def __init__(self, environment: Environment, checker: Checker, spec: EnvSpec) -> None:
        self._environment = environment
        self._checker = checker
        self._running = checker.running
        self._step = environment.step
        self._step_wait = environment.step_wait
        n = checker.call("Environment.num_envs", lambda: environment.num_envs)
        fits = isinstance(n, int | np.integer) and not isinstance(n, bool) and int(n) > 0
        checker.expect("make", n, fits, "an Environment whose num_envs is a whole number above 0")
        n = int(n)
        self.num_envs = n
        self.overlapping = environment.overlapping
        self.frames_per_second = environment.frames_per_second
        self._spec = spec
        self._row = (n,)
        self._close_looks = CLOSE_LOOKS
        self._kept = Kept()
        self._forms = tuple((name, np.dtype(p.dtype), (n, *p.shape)) for name, p in spec.observations.items())
        self._flags: np.ndarray | None = None  # of a usual step: some environments give the same array each time
        action = spec.action
        self._mask_row = (action.n,) if spec.masked and isinstance(action, Discrete) else ()
        self._mask_shape = (n, *self._mask_row) if self._mask_row else None
        self._duration_shape = (n,) if spec.timed else None

    def reset(self) -> Step:
        # `step` and `step_wait` run between two actions of a game, so their usual case is a few comparisons.
        method = "Environment.reset"
        step = self._checker.call(method, self._environment.reset)
        self._check(step, method)
        if step.terminated.any() or step.truncated.any():
            raise self._checker.broken(method, "a Step with an episode that has ended", "one where all begin")
        if step.rewards.any():
            raise self._checker.broken(method, f"the rewards {step.rewards.tolist()}", "zeros, since nothing was done")
        return step

    def reseed(self, seed: int) -> bool:
        return bool(self._checker.call("Environment.reseed", self._environment.reseed, seed))

    def step(self, actions: np.ndarray) -> Step:
        given = actions.copy() if self._close_looks else actions
        running = self._running
        running.now = ("Environment.step", running.clock())
        try:
            step = self._step(actions)
        except Exception as error:
            problem = self._checker.problem("Environment.step", error)
            if problem is error:
                raise
            raise problem from error
        finally:
            running.now = None
        if given is not actions:
            self._expect_unchanged("Environment.step", actions, given)
        if self._close_looks or not self._is_usual(step):
            self._check(step, "Environment.step")
        elif step.metrics:
            self._check_metrics(step, "Environment.step")
        return step

    def step_async(self, actions: np.ndarray) -> None:
        given = actions.copy() if self._close_looks else actions
        self._checker.call("Environment.step_async", self._environment.step_async, actions)
        if given is not actions:
            self._expect_unchanged("Environment.step_async", actions, given)

    def step_wait(self) -> Step:
        step = self._checker.call("Environment.step_wait", self._step_wait)
        if self._close_looks or not self._is_usual(step):
            self._check(step, "Environment.step_wait")
        elif step.metrics:
            self._check_metrics(step, "Environment.step_wait")
        return step

    def _expect_unchanged(self, method: str, actions: np.ndarray, given: np.ndarray) -> None:
        """The actions are recorded after the step."""
        if actions.tobytes() != given.tobytes():
            raise self._checker.broken(method, "changed actions back", "leaving them unchanged")

    def picture(self) -> np.ndarray | None:
        return self._checker.call("Environment.picture", self._environment.picture)

    def close(self) -> None:
        self._checker.call("Environment.close", self._environment.close)

    def _is_usual(self, step: Any) -> bool:
        """Whether no episode ended and all dtypes and shapes are right. True nearly always, and fast."""
        try:
            if step.final or step.final_masks:
                return False
            observations = step.observations
            for name, dtype, shape in self._forms:
                part = observations[name]
                if part.dtype is not dtype or part.shape != shape:
                    return False
            rewards = step.rewards
            masks = step.masks
            durations = step.durations
            wanted = self._mask_shape
            return (
                len(observations) == len(self._forms)
                and rewards.dtype is _FLOAT32
                and rewards.shape == self._row
                and (step.terminated is step.truncated is self._flags or self._has_usual_flags(step))
                and (masks is wanted if masks is None else masks.dtype is _BOOL and masks.shape == wanted)
                and (step.valid is None or (step.valid.dtype is _BOOL and step.valid.shape == self._row))
                and (durations is self._duration_shape or self._durations_flaw(durations) is None)
            )
        except (TypeError, AttributeError, KeyError):
            return False

    def _has_usual_flags(self, step: Any) -> bool:
        terminated = step.terminated
        truncated = step.truncated
        if not terminated.dtype is truncated.dtype is _BOOL or not terminated.shape == truncated.shape == self._row:
            return False
        self._flags = terminated
        return True

    def _durations_flaw(self, durations: Any) -> Flaw | None:
        return _given_flaw("durations", durations, _FLOAT32, self._duration_shape)

    def _check(self, step: Any, method: str) -> None:
        flaw = self._flaw(step)
        if flaw is not None:
            raise self._checker.broken(method, *flaw)
        self._check_metrics(step, method)
        if self._close_looks:
            self._look_closely(step, method)

    def _look_closely(self, step: Step, method: str) -> None:
        """Find out whether the arrays of the step before have changed."""
        name = self._kept.changed()
        if name is not None:
            came = f"the array of an earlier step again, as {name!r}"
            raise self._checker.broken(method, came, "new arrays each time")
        self._close_looks -= 1
        if self._close_looks:
            self._kept.keep({**step.observations, "rewards": step.rewards})
        else:
            self._kept.forget()

    def _flaw(self, step: Any) -> Flaw | None:
        if not isinstance(step, Step):
            return described(step), "a Step"
        return (
            rows_flaw(step.observations, self._spec.observations, self._row, "observations")
            or array_flaw("rewards", step.rewards, _FLOAT32, self._row)
            or array_flaw("terminated", step.terminated, _BOOL, self._row)
            or array_flaw("truncated", step.truncated, _BOOL, self._row)
            or (None if step.valid is None else array_flaw("valid", step.valid, _BOOL, self._row))
            or _given_flaw("masks", step.masks, _BOOL, self._mask_shape)
            or self._durations_flaw(step.durations)
            or self._ends_flaw(step)
        )

    def _ends_flaw(self, step: Step) -> Flaw | None:
        ended = set(np.flatnonzero(step.terminated | step.truncated).tolist())
        for name, rows in (("final", step.final), ("final_masks", step.final_masks)):
            if not isinstance(rows, dict) or not rows.keys() <= ended:
                return f"{name} of the rows {list(rows)}, where {sorted(ended)} have ended", "those of ended rows"
        unknown = step.final_masks.keys() - (step.final.keys() if self._mask_row else ())
        if unknown:
            return f"final_masks of the rows {sorted(unknown)}", "those of rows in final, where there are masks"
        finals = (rows_flaw(last, self._spec.observations, (), f"final[{row}]") for row, last in step.final.items())
        masks = (
            array_flaw(f"final_masks[{row}]", mask, _BOOL, self._mask_row) for row, mask in step.final_masks.items()
        )
        return next(filter(None, (*finals, *masks)), None)

    def _check_metrics(self, step: Step, method: str) -> None:
        """Let the metrics be finite plain floats: numpy's are common, and JSON does not take them."""
        flaw = self._metrics_flaw(step.metrics)
        if flaw is not None:
            raise self._checker.broken(method, *flaw)
        for row, numbers in step.metrics.items():
            if not all(type(value) is float and math.isfinite(value) for value in numbers.values()):
                step.metrics = {**step.metrics, row: self._checker.finite_numbers(method, numbers)}

    def _metrics_flaw(self, metrics: Any) -> Flaw | None:
        promised = "row -> {name: number}"
        if not isinstance(metrics, dict) or not all(isinstance(numbers, dict) for numbers in metrics.values()):
            return f"the metrics {metrics!r}", promised
        for row, numbers in metrics.items():
            wrong = [name for name, value in numbers.items() if as_number(value) is None]
            if row not in range(self.num_envs) or wrong:
                return f"the metrics {numbers!r} for row {row!r}", f"{promised} of the rows below {self.num_envs}"
        return None


def _given_flaw(name: str, array: Any, dtype: np.dtype[Any], shape: tuple[int, ...] | None) -> Flaw | None:
    """A flaw of an array that must be there if the spec has a shape for it, and must be None otherwise."""
    if shape is None:
        return None if array is None else (f"{described(array)} for {name}", "None, since the EnvSpec has none of them")
    return array_flaw(name, array, dtype, shape)
