"""The history of rates and times, over restarts."""

from dataclasses import replace

import pytest

from soulsai_core.app import judge
from soulsai_telemetry.history.status_history import StatusHistory


@pytest.fixture
def at(status):
    """The status some seconds after the start."""
    return lambda seconds, **changes: replace(status, time=1.7e9 + seconds, **changes)


def test_history_goes_on_after_a_restart(tmp_path, at):
    first = StatusHistory(tmp_path / "status.jsonl")
    for seconds in range(3):
        first.add(at(seconds))
    second = StatusHistory(tmp_path / "status.jsonl")
    second.add(at(10, admitted_per_second=7.0))
    curve = second.history.curve("admitted", "time")
    assert curve.average.tolist() == [9.5, 9.5, 9.5, 7.0]
    assert second.history.curve("learner.loss").average.tolist() == [0.5] * 4


def test_status_of_a_long_run_is_kept_less_often(tmp_path, at):
    kept = StatusHistory(tmp_path / "status.jsonl")
    for seconds in range(7200):
        kept.add(at(seconds))
    assert 700 < kept.history.episodes < 2500
    kept.add(at(7205))
    assert kept.history.extent("time")[1] < 1.7e9 + 7205


def test_silent_node_leaves_a_gap(tmp_path, at, status):
    kept = StatusHistory(tmp_path / "status.jsonl")
    kept.add(at(0, health=judge(status.node, age=60, now=0)))
    assert kept.history.episodes == 0
