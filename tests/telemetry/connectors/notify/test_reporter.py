"""Which messages are sent, when, and how often."""

from dataclasses import replace

import msgspec
import pytest

from soulsai_core.app import Condition, Health
from soulsai_telemetry import BestScore
from soulsai_telemetry.connectors.notify.config import NotifyConfig
from soulsai_telemetry.connectors.notify.reporter import Reported, Reporter

START = 1_700_000_000.0
WELL = Health("learning", START, "The model learns from 1 client.")


class Run:
    """A run whose statuses are given to a reporter, with a clock that is set by hand."""

    def __init__(self, status, **settings):
        self.status = status
        self.config = NotifyConfig(**settings)
        self.now = START
        self.reporter = Reporter("run-1", self.config, Reported())

    def restart_telemetry(self):
        told = msgspec.json.decode(msgspec.json.encode(self.reporter.reported), type=Reported)
        self.reporter = Reporter("run-1", self.config, told)

    def after(self, seconds, health=WELL, **node):
        """The titles sent with a status after these seconds, without the run's name."""
        return [message.title.removeprefix("run-1: ") for message in self.messages(seconds, health, **node)]

    def messages(self, seconds, health=WELL, **node):
        self.now += seconds
        changed = msgspec.structs.replace(self.status.node, **node)
        return self.reporter.status_received(replace(self.status, time=self.now, health=health, node=changed))

    def bad(self, *names, level="error", state="stuck"):
        conditions = [Condition(n, level, self.now, 0.0, f"There is {n}.", f"Mend {n}.") for n in names]
        return Health(state, self.now, "It is bad.", tuple(conditions))


@pytest.fixture
def run(status):
    return Run(status)


@pytest.fixture
def begun(run):
    assert run.after(0) == ["has started"]
    return run


def test_start_is_reported_once_with_what_is_trained(run):
    [message] = run.messages(0, algorithm="dqn", environment="CartPole-v1", env_steps=0, goal_env_steps=5000)
    assert message.title == "run-1: has started"
    assert message.text.startswith("dqn on CartPole-v1 has started: 0 of 5,000 steps, 1 client.")
    assert run.after(1) == []


def test_restarted_telemetry_tells_nothing_again(begun):
    begun.after(0, begun.bad("disk"))
    assert begun.after(60, begun.bad("disk")) == ["stuck"]
    begun.restart_telemetry()
    begun.after(1, begun.bad("disk"))
    assert begun.after(100, begun.bad("disk")) == []
    begun.after(1)
    assert begun.after(60) == ["well again"]


def test_end_is_reported_once_with_the_result_and_a_picture(begun):
    ended = Health("finished", START, "Finished at 14:02: 5000 environment steps were trained.")
    [message] = begun.messages(100, ended, env_steps=5000, episodes=40, mean_return=21.5, elapsed=3723.0)
    assert (message.event, message.title, message.urgent, message.picture) == (
        "finished", "run-1: finished", False, True,
    )  # fmt: skip
    assert message.text == (
        "Finished at 14:02: 5000 environment steps were trained. "
        "1 h 02 min: 5,000 steps, 40 episodes, mean return 21.5."
    )
    begun.restart_telemetry()
    assert begun.after(1, ended) == []


def test_failure_is_urgent_and_says_what_to_do(begun):
    [message] = begun.messages(5, begun.bad("failed", state="failed"))
    assert (message.event, message.title, message.urgent) == ("failed", "run-1: failed", True)
    assert "Mend failed." in message.text


def test_resumed_run_is_reported_to_go_on(begun):
    begun.after(5, Health("finished", START, "Finished."))
    begun.restart_telemetry()
    assert begun.after(500) == ["goes on"]


def test_problem_is_reported_once_after_its_patience_with_what_to_do(begun):
    begun.after(0, begun.bad("no_samples"))
    assert begun.after(59, begun.bad("no_samples")) == []
    [message] = begun.messages(1, begun.bad("no_samples"))
    assert (message.title, message.urgent) == ("run-1: stuck", True)
    assert message.text.startswith("There is no_samples.\nMend no_samples.\nIn 1 min 00 s since the last message: ")
    assert all(begun.after(60, begun.bad("no_samples")) == [] for _ in range(50))


def test_short_problem_is_not_reported(begun):
    for _ in range(20):
        begun.after(30, begun.bad("no_samples"))
        assert begun.after(29) == []


def test_well_again_is_reported_once_after_it_has_lasted(begun):
    begun.after(0, begun.bad("no_samples"))
    begun.after(60, begun.bad("no_samples"))
    assert begun.after(540) == []
    assert begun.after(30, begun.bad("no_samples")) == []
    begun.after(1)
    [message] = begun.messages(60)
    assert message.title == "run-1: well again"
    assert "Over after 10 min: no samples." in message.text
    assert begun.after(1000) == []


def test_further_problem_is_reported_and_well_again_waits_for_both(begun):
    begun.after(0, begun.bad("disk"))
    begun.after(60, begun.bad("disk"))
    begun.after(1, begun.bad("disk", "rejecting"))
    [message] = begun.messages(60, begun.bad("disk", "rejecting"))
    assert message.text.startswith("There is rejecting.")
    begun.after(1, begun.bad("rejecting"))
    assert begun.after(100, begun.bad("rejecting")) == []
    begun.after(1)
    assert begun.after(60) == ["well again"]


def test_notes_are_reported_once_in_a_run_and_need_no_end(begun):
    for _ in range(3):
        begun.after(0, begun.bad("returns_flat", level="note", state="learning"))
        told = begun.after(60, begun.bad("returns_flat", level="note", state="learning"))
        begun.after(0)
        assert begun.after(100) == []
    assert told == []
    assert begun.reporter.reported.notes == ["returns_flat"]


def test_missing_clients_are_no_problem_before_the_first(run):
    nobody = run.bad("no_client", state="waiting")
    run.after(0, nobody, clients=[])
    assert run.after(1000, nobody, clients=[]) == []
    run.after(1)
    run.after(1, nobody, clients=[])
    assert run.after(60, nobody, clients=[]) == ["waiting for clients"]


def test_new_best_is_reported_at_intervals_with_the_newest(begun):
    begun.reporter.best_found(BestScore("return", 10.0, 5, 100, 1, START))
    assert begun.after(60) == []
    begun.reporter.best_found(BestScore("return", 30.0, 9, 180, 2, START))
    [message] = begun.messages(1740)
    assert message.title == "run-1: new best, 30.0" and message.picture
    assert "mean of the episodes up to 9, after 180 steps." in message.text
    assert begun.after(1800) == []  # it is the same one
    begun.reporter.best_found(BestScore("return", 31.0, 10, 200, 2, START))
    [message] = begun.messages(1)
    assert "return 31.0 (last message: 30.0)" in message.text


def test_best_of_evaluations_is_not_compared_with_returns_of_exploring_agents(begun):
    begun.reporter.best_found(BestScore("return", 300.0, 9, 180, 2, START))
    begun.messages(1800)
    begun.reporter.best_found(BestScore("evaluation_return", 250.0, 20, 400, 3, START))
    [message] = begun.messages(1800)
    assert message.text.startswith("evaluation_return 250.0, mean of its episodes without exploration, after 400 steps")


def test_summary_says_what_went_on_since_the_last_message(begun):
    node = begun.status.node
    begun.reporter.client_joined()
    begun.reporter.client_lost()
    begun.reporter.checkpoint_saved()
    begun.after(0, begun.bad("disk"))
    [message] = begun.messages(3600, begun.bad("disk"), env_steps=node.env_steps + 1234, episodes=4, mean_return=7.0)
    assert message.text.splitlines()[-1] == (
        "In 1 h 00 min since the last message: 1,234 steps, 1 episode, mean return 7.00 (before: 3.00), "
        "1 client joined and 1 left, 1 checkpoint."
    )
    begun.after(1)
    [message] = begun.messages(60)
    assert "joined" not in message.text


def test_only_chosen_events_are_reported(status):
    run = Run(status, events=["stuck"])
    assert run.after(0) == []
    run.after(0, run.bad("disk"))
    assert run.after(60, run.bad("disk")) == ["stuck"]
    assert run.after(1, Health("finished", START, "Finished.")) == []


def test_training_whose_process_is_gone_without_a_word_was_killed(begun):
    [message] = begun.reporter.parent_gone()
    assert (message.event, message.title) == ("failed", "run-1: killed")
    assert "soulsai train --resume" in message.text
    assert begun.reporter.parent_gone() == []


def test_training_that_has_ended_was_not_killed(begun):
    begun.after(1, Health("finished", START, "Finished."))
    assert begun.reporter.parent_gone() == []
