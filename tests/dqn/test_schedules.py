"""Settings that change during a training."""

import pytest
from dqn_settings import plain
from hypothesis import given
from hypothesis import strategies as st

from soulsai_dqn.config import EpsilonConfig
from soulsai_dqn.schedules import annealed, linear, scheduled

DONE = {"env_steps": 50, "gradient_steps": 30, "gradient_steps_after_reset": 10}


@pytest.mark.parametrize(("env_steps", "epsilon"), [(0, 1.0), (50, 0.55), (100, 0.1), (10**9, 0.1)])
def test_epsilon_falls_linearly_and_stays(env_steps, epsilon):
    assert annealed(EpsilonConfig(start=1.0, end=0.1, steps=100), env_steps) == pytest.approx(epsilon)


@given(st.floats(0, 1), st.floats(0, 1))
def test_schedule_starts_and_ends_at_its_numbers(start, end):
    assert (linear(start, end, 10, 0), linear(start, end, 10, 10), linear(start, end, 10, 10**9)) == (start, end, end)


def test_plain_number_stays_the_same():
    assert scheduled(plain(gamma=0.9).gamma, DONE) == 0.9 and scheduled(3, DONE) == 3


@pytest.mark.parametrize(
    ("over", "n"), [("env_steps", 7.5), ("gradient_steps", 8.5), ("gradient_steps_after_reset", 9.5)]
)
def test_schedule_follows_the_steps_that_it_names(over, n):
    setting = plain(n_step={"start": 10, "end": 5, "steps": 100, "over": over}).n_step
    assert scheduled(setting, DONE) == pytest.approx(n)
