"""The checker of the recovery benchmark counts rows that disagree with the steps of the environment."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soulsai_core import Catalog, EnvironmentFailure, step_columns
from soulsai_core.client.recorder import Recorder
from soulsai_core.config import load_config, resolve
from soulsai_core.steps import END, POSITION, START
from soulsai_core.testing.scripted import ScriptedEnvironment

# Run as a file: importing the package `benchmarks` would set numbers of threads for this process and its children.
ROW_CHECKER = Path(__file__).parents[2] / "benchmarks" / "souls" / "row_checker.py"
RowChecker = runpy.run_path(str(ROW_CHECKER))["RowChecker"]
STEPS = 40


class Failing(ScriptedEnvironment):
    def step(self, actions):
        raise EnvironmentFailure("The game hangs.")


@pytest.fixture(scope="module")
def spec():
    resolved = resolve(load_config(None, ["preset=iudex"], {}), Catalog())
    return resolved.environment.spec(resolved.environment_config)


@pytest.fixture
def check(spec):
    """A function: the checker of recorded steps, with failures and late steps, and a change to the rows before they
    are sent."""

    def run(change=lambda batch: batch, failures=(), late=(), next_step=False):
        checker = RowChecker()
        checker.on_sent(changed_copy(recorded_steps(spec, checker, failures, late, next_step), change))
        return checker

    return run


def recorded_steps(spec, checker, failures, late, next_step):
    rng = np.random.default_rng(0)
    recorder = Recorder(step_columns(spec, {}, 1e6), spec.observations)
    environment = checker.wrap(ScriptedEnvironment(spec, lengths=(15,), next_step=next_step))
    step = environment.reset()
    recorder.begin(step)
    for number in range(STEPS):
        actions = np.array([rng.choice(np.flatnonzero(step.masks[0]))])
        step = environment.step(actions)
        recorder.record(actions, {}, step, late=number in late)
        if number in failures:
            with pytest.raises(EnvironmentFailure):
                checker.wrap(Failing(spec)).step(actions)
            step = environment.reset()
            recorder.begin(step)
    return recorder.take()


def changed_copy(batch, change):
    columns = {name: column.copy() for name, column in batch.columns.items()}
    after = {name: column.copy() for name, column in batch.after.items()}
    batch = replace(batch, segments=batch.segments.copy(), columns=columns, after=after)
    change(batch)
    return batch


@pytest.mark.parametrize("next_step", [False, True])
def test_unchanged_rows_agree_over_ends_failures_and_late_steps(check, next_step):
    checker = check(failures=(7, 30), late=(3, 20), next_step=next_step)
    assert checker.samples == checker.steps >= 38
    assert checker.false == 0 and len(checker.gaps) == 2


@pytest.mark.parametrize(("name", "false"), [("observation", 2), ("reward", 1), ("action", 1)])
def test_changed_row_is_counted(check, name, false):
    def change(batch):
        batch.columns[name][3] += 1

    assert check(change).false == false  # an observation is also what followed the row before


def test_changed_observation_after_a_row_is_counted(check):
    def change(batch):
        batch.after["observation"][-1] += 1

    assert check(change).false == 1


@pytest.mark.parametrize("column", [START, END])
def test_changed_start_or_end_is_counted(check, column):
    def change(batch):
        batch.segments[-1, column] ^= 1

    assert check(change).false == 1


def test_rows_that_join_over_a_failure_are_counted(check):
    def change(batch):
        batch.segments[1:, POSITION] -= 1

    assert check(change, failures=(7,)).false >= 32


def test_failure_without_a_step_after_it_is_a_gap(check):
    checker = check(failures=(39,))
    assert not checker.gaps
    checker.close()
    assert len(checker.gaps) == 1
