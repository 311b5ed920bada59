"""kill -9 of a random process of a training every few seconds: nobody helps, and nothing that arrived is lost."""

from __future__ import annotations

import pytest
from benchmarks.endurance.kills import carry_out, schedule
from benchmarks.endurance.training import training
from waiting import wait_for

pytestmark = pytest.mark.stack

SECONDS = 30.0
SEED = 6


def test_training_whose_processes_are_killed_loses_no_step_that_arrived_and_no_episode():
    with training(algorithm="dqn", environment="CartPole", clients=2) as run:
        kills = list(schedule(list(run.services), SECONDS, SEED, (2.0, 5.0)))
        assert {kill.service for kill in kills} >= {"redis", "node", "client-1"}, "a seed that kills each kind"
        run.start()
        wait_for("the first steps", lambda: (status := run.status()) is not None and status.env_steps > 0)
        ended = carry_out(run, kills, SECONDS, print)
        result = run.finish()
    assert ended == [], "a service that ended by itself"
    assert (result.orphans, result.tracebacks) == ([], [])
    assert (result.repeated, result.missing, result.reported - result.kept) == (0, 0, 0), "each episode exactly once"
    assert result.learned <= result.reached <= result.played, "no step twice"
    assert result.learned >= 0.95 * result.reached
