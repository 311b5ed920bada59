"""The contract of connectors that live in the telemetry node, as tests for their authors to run.

from soulsai_telemetry.testing import TelemetryConnectorContract

class TestMyConnector(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return my_package.plugin

    @pytest.fixture
    def config(self):
        return my_package.Config(port=0)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soulsai_core import ClientInfo, ClientStatus, NodeStatus
from soulsai_core.app import judge
from soulsai_core.testing.connector import ConnectorContract, example_events
from soulsai_telemetry.history.history import History
from soulsai_telemetry.history.records import BestScore, ClientSummary, EpisodeRecord, SavedModel, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.hookspecs import TelemetrySpecs

# The core's hooks that the telemetry node calls.
_CORE_HOOKS = {
    "training_started",
    "client_joined",
    "episode_finished",
    "checkpoint_saved",
    "client_lost",
    "training_stopped",
}
# When the example's run began, in seconds since 1970.
_START = 1.7e9


def example_record(number: int) -> EpisodeRecord:
    """An episode; every tenth was cut short."""
    values = {"return": 1.5 * number, "length": 20.0, "boss hp": 1 / number} if number % 10 else {}
    return EpisodeRecord(
        number=number,
        steps=20 * number,
        time=_START + number,
        iteration=number // 3,
        client="client-1",
        complete=bool(values),
        values=values,
        averages=dict(values),
    )


def example_update(first: int, last: int) -> HistoryUpdate:
    """An update with the episodes from `first` to `last` as the new ones; the history has all up to `last`."""
    history = History()
    for number in range(1, last + 1):
        history.add(example_record(number))
    return HistoryUpdate(
        records=tuple(example_record(number) for number in range(first, last + 1)),
        history=history,
        best=BestScore("return", 1.5 * last, last, 20 * last, last // 3, _START + last),
        saved=SavedModel("return", "max", 1.5, 1, _START, "saves/run-1/best_model"),
        reports={"late": 1, "repeated": 0, "garbled": 2, "foreign": 0, "incomplete": last // 10},
    )


def example_status(folder: Path) -> TrainingStatus:
    """A training that runs, with one client that is present and one that was lost."""
    info = ClientInfo(id="client-1", host="here", env_steps=40, episodes=2, steps_per_second=9.5)
    node = NodeStatus(
        run_id="run-1", folder=str(folder), state="running", iteration=3, env_steps=60, goal_env_steps=None,
        elapsed=12.0, episodes=3, mean_return=3.0, window_episodes=20, steps_per_second=9.5, iterations_per_second=0.5,
        acceptance=0.9, rejected={"stale": 6}, staleness={"iterations": 1.0, "env_steps": 20.0, "seconds": 0.1},
        backlog=1,
        clients=[ClientStatus(info, 54, {"stale": 6})], learner={"loss": 0.5, "update_seconds": 0.01}, time=_START + 12,
    )  # fmt: skip
    present = ClientSummary("client-1", "here", _START, 0.5, 40, 9.5, 2, 3.0, 54, {"stale": 6}, 0, 0)
    lost = ClientSummary("client-2", "there", _START, 99.0, 10, 0.0, 0, None, 0, {}, 1, 5)
    health = judge(node, age=0.1, now=_START + 12)
    return TrainingStatus(_START + 12, health, node, [present, lost], 9.5, 0.5)


def telemetry_events(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A short run as the telemetry node sees it: every hook that it calls, in an order that occurs."""
    for event, arguments in example_events(folder):
        if event == "training_stopped":
            update = example_update(1, 25)
            yield "episodes_recorded", {"update": update}
            yield "best_found", {"best": update.best}
            yield "status_received", {"status": example_status(folder)}
            # Some of them again, as after a restart.
            yield "episodes_recorded", {"update": example_update(20, 30)}
        if event in _CORE_HOOKS:
            yield event, arguments


class TelemetryConnectorContract(ConnectorContract):
    """The core's contract, with the events of the telemetry node."""

    specs = TelemetrySpecs

    def events(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        return telemetry_events(folder)

    def test_the_connector_says_that_it_lives_in_the_telemetry_node(self, plugin: Any) -> None:
        """Otherwise the training node would refuse its hooks."""
        assert plugin.home == "telemetry"
