"""The node's status: rates, times, clients, and the goals that end a training."""

from functools import partial

import pytest
from together import run_together

from soulsai_core.config import StopSettings
from soulsai_core.contracts import Sync
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.goals import Goals
from soulsai_core.node.health.problems import Problems
from soulsai_core.node.intake import Intake
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.roster import Roster
from soulsai_core.node.state import Origin, RunState
from soulsai_core.node.status.report import Description, StatusReport
from soulsai_core.run_folder import RunFolder
from soulsai_core.wire import StepDecoder

GOALS = StopSettings(env_steps=50, iterations=7, seconds=100)


@pytest.fixture
def state():
    return RunState()


@pytest.fixture
def roster():
    return Roster(15)


@pytest.fixture
def intake(events):
    return Intake("training", StepDecoder({}, set()), Sync(3, 4), NodeMetrics(), events)


@pytest.fixture
def report(tmp_path, clock, intake, state, roster):
    episodes = EpisodeLog(tmp_path / "episodes.jsonl", 3)
    return StatusReport(
        state, GOALS, RunFolder(tmp_path), episodes, intake, roster, clock, Problems(clock), Description(),
        wall=lambda: clock.now + 1.7e9,
    )  # fmt: skip


def test_status_has_rates_and_the_elapsed_time_including_that_before_a_resume(report, state, clock):
    report.resume(60.0)
    report.start()
    state.env_steps = 1000
    report.update(0)
    clock.now += 2
    state.env_steps = 1400
    state.iteration = 10
    status = report.update(3)
    assert status == report.latest
    assert (status.elapsed, status.steps_per_second, status.iterations_per_second) == (62.0, 200.0, 5.0)
    assert (status.state, status.backlog, status.goal_env_steps, status.mean_return) == ("running", 3, 50, None)
    state.stop("enough")
    assert report.update(3).state == "stopping"


def test_status_says_when_it_was_made(report, clock):
    clock.now += 5
    assert report.update(0).time == clock.now + 1.7e9


def test_status_lists_a_client_that_sent_nothing_yet(report, roster):
    roster.update({"pc": (0.0, ClientInfo("pc", "host"))})
    assert [(client.admitted, client.rejected) for client in report.update(0).clients] == [(0, {})]


def test_rows_that_a_client_left_out_stay_counted_when_it_has_gone(report, roster):
    roster.update({"a": (0.0, ClientInfo("a", "host", left_out=30)), "b": (0.0, ClientInfo("b", "host", left_out=2))})
    assert report.update(0).rejected == {"unfit": 32}
    roster.update({"b": (0.0, ClientInfo("b", "host", left_out=5))})
    assert report.update(0).rejected == {"unfit": 35}
    roster.update({})
    status = report.update(0)
    assert (status.rejected, status.acceptance) == ({"unfit": 35}, 0.0)


def test_status_is_made_while_the_loop_counts_rows_for_new_reasons(report, intake):
    def count(first, last):
        for number in range(first, last):
            intake.ledger.add("pc", None, 0, {f"reason {number}": 1})

    def look():
        for _ in range(50):
            report.update(0)

    count(0, 2000)
    run_together(partial(count, 2000, 10_000), look)
    assert len(report.update(0).rejected) == 10_000


@pytest.mark.parametrize(
    ("iteration", "env_steps", "seconds", "reason"),
    [
        (6, 49, 99, None),
        (6, 50, 99, "the goal of 50 environment steps is reached"),
        (7, 49, 99, "the goal of 7 iterations is reached"),
        (6, 49, 100, "the time of 1 min 40 s is over"),
    ],
)
def test_goal_is_reached_at_its_value(report, state, clock, iteration, env_steps, seconds, reason):
    report.start()
    clock.now += seconds
    state.iteration = iteration
    state.env_steps = env_steps
    assert report.goal_reached() == reason


def test_settings_that_go_beyond_the_goals_that_are_reached(report, state, clock):
    report.start()
    assert report.update(0).beyond_goal == ""
    state.env_steps = 50
    clock.now += 100
    assert report.beyond_goal() == "training.stop.env_steps=100 training.stop.seconds=200.0"


@pytest.mark.parametrize(
    ("env_steps", "seconds", "further"),
    [
        (53, 100.4, "training.stop.env_steps=110 training.stop.seconds=200.0"),
        (15_008, 1234.5, "training.stop.env_steps=30000 training.stop.seconds=2500.0"),
    ],
)
def test_goals_to_go_on_with_are_beyond_what_is_done_in_two_digits(report, state, clock, env_steps, seconds, further):
    report.start()
    state.env_steps = env_steps
    clock.now += seconds
    assert report.beyond_goal() == further


def test_goal_of_a_fraction_of_a_second_is_doubled_as_others_are(tmp_path):
    goals = Goals(StopSettings(seconds=0.01), RunState(), EpisodeLog(tmp_path / "episodes.jsonl", 1))
    assert goals.beyond(0.312) == "training.stop.seconds=0.62"


def test_goal_in_return_is_named_by_its_value(tmp_path):
    episodes = EpisodeLog(tmp_path / "episodes.jsonl", 1)
    episodes.append([("1", Episode("pc-1", "pc", 207.5, 10, 1, 1.0))], 10, read_to="1")
    goals = Goals(StopSettings(mean_return=200, episodes=1), RunState(), episodes)
    assert goals.reached(1.0) == "the goal of a mean return of 200.0 over 1 episode is reached"


@pytest.mark.parametrize("returned", [200.0, -150.0])
def test_beyond_a_goal_in_return_there_is_none(tmp_path, returned):
    episodes = EpisodeLog(tmp_path / "episodes.jsonl", 1)
    episodes.append([("1", Episode("pc-1", "pc", returned, 10, 1, 1.0))], 10, read_to="1")
    goals = Goals(StopSettings(mean_return=returned, env_steps=2_000_000), RunState(env_steps=2_000_000), episodes)
    assert goals.beyond(1.0) == "training.stop.env_steps=4000000 training.stop.mean_return=null"


def test_first_reason_to_stop_counts(state):
    state.stop("a shutdown was asked for")
    state.stop("another reason")
    assert state.stop_reason == "a shutdown was asked for"


def test_status_says_what_the_run_began_with(report, state):
    assert report.update(0).origin == ""
    state.origin = Origin("the weights of other")
    assert report.update(0).origin == "the weights of other"
    state.origin = Origin("the steps of other", 1500)
    assert report.update(0).origin == "the steps of other, 1,500 steps"
