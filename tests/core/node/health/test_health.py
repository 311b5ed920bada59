"""The judgment of a training: ways to be stuck, slow runs that are well, and what is said of each."""

import msgspec
import pytest

from soulsai_core.messages import ClientInfo
from soulsai_core.node.health.conditions import LEVELS
from soulsai_core.node.health.judging import LABELS, SILENT_AFTER, judge
from soulsai_core.node.status.node_status import Activity, ClientStatus, NodeStatus, Problem, Trend

NOW = 1.7e9
STALENESS = {"iterations": 0.5, "env_steps": 20.0, "seconds": 0.3}


def client(name="pc", idle=0.5, **info):
    return ClientStatus(ClientInfo(name, "host", **info), 100, {}, idle)


def busy(**changed):
    """What a training of an hour does that is well."""
    usual = {
        "up": 3600.0, "present": 3590.0, "message": 0.2, "admitted": 0.2, "update": 0.5, "episode": 9.0,
        "checkpoint": 60.0, "longest_pause": 4.0, "recent_seconds": 60.0, "recent_admitted": 3000,
    }  # fmt: skip
    return Activity(**{**usual, **changed})


def status(activity=None, **changed):
    values = {
        "run_id": "2026-01-01_run", "folder": "saves/2026-01-01_run", "state": "running", "iteration": 700,
        "env_steps": 180_000, "goal_env_steps": None, "elapsed": 3600.0, "episodes": 900, "mean_return": 120.0,
        "window_episodes": 20, "steps_per_second": 50.0, "iterations_per_second": 1.0, "acceptance": 0.99,
        "rejected": {}, "staleness": STALENESS, "backlog": 0, "clients": [client()],
        "learner": {"loss": 0.1, "update_seconds": 0.02}, "algorithm": "dqn", "max_staleness": 8,
        "activity": busy() if activity is None else activity,
    }  # fmt: skip
    return NodeStatus(**{**values, **changed})


def judged(status, age=0.2, **options):
    return judge(status, age=age, now=NOW, **options)


NO_CLIENT = busy(absent=300.0, present=0.0, message=301.0, admitted=301.0, update=301.0, recent_admitted=0)
FROZEN = busy(message=400.0, admitted=400.0, update=401.0, recent_admitted=0)
ALL_STALE = busy(admitted=95.0, recent_admitted=0, recent_rejected={"stale": 900, "bounds": 3})

STUCK = {
    "no client was ever there": (
        status(Activity(up=300.0, absent=300.0), clients=[], iteration=0),
        "waiting", "no_client", "No client has been connected for 5 min 00 s.", "soulsai client",
    ),
    "all clients are gone": (status(NO_CLIENT, clients=[]), "waiting", "no_client", "5 min", "soulsai client"),
    "fewer clients than PPO needs": (
        status(FROZEN, required_clients=2, algorithm="ppo", clients=[client(idle=400.0)]),
        "waiting", "too_few_clients", "ppo needs 2 clients; 1 is connected.", "soulsai client",
    ),
    "the only game is frozen": (
        status(FROZEN, clients=[client(idle=400.0)]), "stuck", "frozen_game",
        "The environment of pc has made no step for 6 min 40 s.", "isolate",
    ),
    "clients play and nothing arrives": (
        status(FROZEN, clients=[client(idle=0.1), client("pc2", idle=0.1)]), "stuck", "no_samples",
        "2 clients play, but no samples have arrived for 6 min 40 s.", "logs",
    ),
    "everything is too old": (
        status(ALL_STALE), "stuck", "all_rejected",
        "All samples of the last 1 min 00 s were rejected, most of them as stale.", "too old",
    ),
    "PPO waits for one of three": (
        status(
            FROZEN, algorithm="ppo", required_clients=2, waits_for=("pc2",),
            clients=[client(idle=399.0), client("pc2", idle=420.0), client("pc3", idle=399.0)],
        ),
        "stuck", "waits_for_client", "ppo has waited for the samples of pc2 for 6 min 40 s.", "end it",
    ),
    "an update never ends": (
        status(busy(updating=900.0, message=901.0, update=901.0, recent_admitted=0), clients=[client(idle=890.0)]),
        "stuck", "long_update", "An update has been running for 15 min", "load",
    ),
    "a call of a plugin never returns": (
        status(
            busy(message=900.0, update=901.0, recent_admitted=0), clients=[client(idle=890.0)], backlog=30,
            problems=(Problem("long_call", "dqn is slow: Learner.add has been running for 900 s.", 900.0),),
        ),
        "stuck", "long_call", "Learner.add has been running", "load",
    ),
    "the node was killed": (
        (status(), 120.0), "silent", "node_silent", "The training node has been silent for 2 min 00 s, ", "resume",
    ),
    "learning diverged": (
        status(state="ended", reason="The algorithm 'dqn' has diverged.", failed=True),
        "failed", "failed", "has diverged", "soulsai train --resume saves/2026-01-01_run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STUCK)
def test_a_stuck_training_is_named_with_its_cause_and_what_to_do(case):
    found, state, name, sentence, advice = STUCK[case]
    health = judged(*found) if isinstance(found, tuple) else judged(found)
    worst = health.conditions[0]
    assert (health.state, worst.name, worst.level) == (state, name, "error")
    assert sentence in worst.sentence and worst.sentence.endswith(".")
    assert advice in worst.advice
    assert health.sentence.startswith(worst.sentence)


SLOW = {
    "a robot makes one step a minute": status(
        busy(message=50.0, admitted=50.0, update=230.0, longest_pause=70.0, recent_admitted=1),
        clients=[client(idle=50.0)],
    ),
    "a game loads for ten minutes, as it did before": status(
        busy(message=610.0, admitted=610.0, update=612.0, longest_pause=640.0, recent_admitted=0),
        clients=[client(idle=610.0)],
    ),
    "PPO collects a rollout for half an hour": status(
        busy(update=1800.0, message=3.0, recent_admitted=40), algorithm="ppo", required_clients=2,
        waits_for=("pc", "pc2"), clients=[client(), client("pc2")],
    ),
    "PPO's clients wait for a long update": status(
        busy(updating=40.0, message=42.0, update=300.0, recent_admitted=0), algorithm="ppo",
        clients=[client(idle=41.0), client("pc2", idle=41.0)], learner={"update_seconds": 38.0},
    ),
    "the node learns for hours from what waits": status(
        busy(message=0.1), backlog=9000, clients=[client(idle=500.0), client("pc2", idle=700.0)],
    ),
    "an episode takes twenty minutes": status(busy(episode=1200.0), episodes=3, mean_return=-4.0),
    "returns rise slowly": status(trend=Trend(4000, 3.0, 1.0, 40.0), elapsed=500_000.0),
    "returns are noisy, and a little lower than the best": status(
        trend=Trend(4000, -3.5, 1.0, 100.0), best_return=(140.0, 150_000), elapsed=500_000.0,
    ),
    "a run of two minutes has not risen yet": status(trend=Trend(400, 0.0, 1.0, 30.0), elapsed=120.0),
    "a few rows are stale": status(busy(recent_rejected={"stale": 200})),
    "three rows were rejected at the start": status(busy(recent_admitted=1, recent_rejected={"stale": 3})),
    "heavy load delays the status": (status(), SILENT_AFTER - 0.1),
    "staleness of two is no fault": status(staleness={**STALENESS, "iterations": 2.0}),
}  # fmt: skip


@pytest.mark.parametrize("case", SLOW)
def test_of_a_slow_training_no_false_word_is_said(case):
    health = judged(*SLOW[case]) if isinstance(SLOW[case], tuple) else judged(SLOW[case])
    assert (health.state, health.conditions, health.unhealthy) == ("learning", (), False)


def test_samples_are_collected_before_the_first_update():
    health = judged(status(busy(up=20.0, present=15.0, update=None), iteration=0, learner={}))
    assert (health.state, health.conditions) == ("collecting", ())


def test_one_frozen_game_of_several_is_a_warning():
    health = judged(status(clients=[client(), client("pc2", idle=700.0)]))
    assert [(found.name, found.level) for found in health.conditions] == [("frozen_game", "warning")]
    assert (health.state, health.unhealthy) == ("learning", False)
    assert "pc2" in health.conditions[0].sentence


def test_a_client_that_reports_a_problem_is_named():
    health = judged(status(clients=[client(problem="The game window is gone.")]))
    assert health.conditions[0].sentence == "pc: The game window is gone."


def test_much_that_is_rejected_is_a_state_of_its_own():
    health = judged(status(busy(recent_admitted=500, recent_rejected={"bounds": 400, "stale": 100})))
    assert (health.state, health.unhealthy) == ("rejecting", True)
    assert "50.0% of the samples" in health.sentence and "bounds" in health.sentence


@pytest.mark.parametrize(
    ("trend", "name"),
    [(Trend(4000, 0.5, 1.0, 40.0), "returns_flat"), (Trend(4000, -30.0, 5.0, 80.0), "returns_falling")],
)
def test_returns_that_do_not_rise_for_long_link_to_the_page_about_it(trend, name):
    health = judged(status(trend=trend, best_return=(160.0, 90_000), elapsed=10_000.0))
    assert [found.name for found in health.conditions] == [name]
    assert "why-nothing-is-learned" in health.conditions[0].advice
    assert health.state == "learning", "a hint is no problem"


def test_numbers_that_are_not_finite_are_named():
    found = judged(status(not_finite=("loss",))).conditions[0]
    assert (found.name, found.level) == ("not_finite", "warning") and "loss" in found.sentence


def test_a_problem_of_the_disk_is_told_with_its_time():
    found = judged(status(problems=(Problem("disk", "Episodes cannot be written: no space left.", 90.0),)), age=1.0)
    assert (found.conditions[0].name, found.conditions[0].since) == ("disk", NOW - 91.0)


def test_samples_that_are_nearly_too_old_are_noted():
    found = judged(status(staleness={**STALENESS, "iterations": 6.0})).conditions[0]
    assert (found.name, found.level) == ("staleness", "note")


def test_an_environment_without_ends_is_noted():
    assert judged(status(busy(episode=None), episodes=0)).conditions[0].name == "no_episode"


def test_while_the_server_is_gone_nothing_is_said_of_the_node():
    health = judged(status(), age=30.0, reachable=False)
    assert (health.state, health.conditions[0].name, health.since) == ("silent", "server_lost", NOW - 30.0)
    assert not health.live


def test_an_end_stays_an_end_however_long_ago():
    ended = status(state="ended", reason="the goal of 500 environment steps is reached")
    health = judged(ended, age=1e6)
    assert (health.state, health.since, health.unhealthy) == ("finished", NOW - 1e6, False)
    assert "the goal of 500 environment steps is reached" in health.sentence


def test_the_most_serious_comes_first_and_each_has_a_level():
    health = judged(status(ALL_STALE, staleness={**STALENESS, "iterations": 7.0}, not_finite=("loss",)))
    assert [found.level for found in health.conditions] == ["error", "warning", "note"] == list(LEVELS)


def test_states_have_labels_and_travel_as_json():
    for state in ("running", "stopping", "ended"):
        health = judged(status(state=state))
        assert health.label == LABELS[health.state]
        assert msgspec.json.decode(msgspec.json.encode(health))["state"] == health.state


def test_training_that_stops_asks_for_no_client():
    found = judged(status(NO_CLIENT, clients=[], state="stopping", reason="a shutdown was asked for"))
    assert (found.state, [condition.name for condition in found.conditions]) == ("stopping", [])
