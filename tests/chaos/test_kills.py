"""kill -9 of a random process of a training every few seconds: nobody helps, and nothing that arrived is lost."""

from __future__ import annotations

import pytest
from benchmarks.endurance.kills import carry_out, schedule
from benchmarks.endurance.training import training
from waiting import wait_for

pytestmark = pytest.mark.stack


def killed(names, seconds, seed, pauses, **options):
    """What is left of a training of which these are killed. Nothing ends by itself, and no process is left."""
    with training(algorithm="dqn", environment="CartPole", clients=2, **options) as run:
        kills = list(schedule(names or list(run.services), seconds, seed, pauses))
        run.start()
        # Both: the node does not wait for rows of a client that has just come, so that they may be stale.
        wait_for("steps of both clients", lambda: (now := run.status()) is not None and _taken_in(now.clients) == 2)
        ended = carry_out(run, kills, seconds, print)
        result = run.finish()
    assert ended == [] and {name for name, starts in result.starts.items() if starts > 1} == {k.service for k in kills}
    assert (result.orphans, result.tracebacks) == ([], [])
    assert result.each_episode_once and result.no_step_twice
    return result


def _taken_in(clients):
    """How many of them have had rows admitted."""
    return sum(client.admitted > 0 for client in clients)


def test_training_whose_processes_are_killed_loses_no_step_that_arrived_and_no_episode():
    result = killed(None, 15.0, 6, (1.0, 2.5))
    assert set(result.starts) - {"client-2"} == {name for name, starts in result.starts.items() if starts > 1}
    assert result.learned >= 0.95 * result.reached


def test_server_that_forgets_everything_costs_no_step():
    result = killed(["redis"], 8.0, 1, (2.0, 4.0), remembers=False, telemetry=False)
    assert result.learned >= 0.99 * result.played
