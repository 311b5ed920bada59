"""The course of rates and times, over restarts."""

from dataclasses import replace

import pytest

from soulsai_telemetry.vitals import VitalsLog


@pytest.fixture
def at(vitals):
    return lambda seconds, **changes: replace(vitals, time=1.7e9 + seconds, **changes)


def test_the_course_goes_on_over_a_restart(tmp_path, at):
    first = VitalsLog(tmp_path / "vitals.jsonl")
    for second in range(3):
        first.note(at(second))
    second_log = VitalsLog(tmp_path / "vitals.jsonl")
    second_log.note(at(10, admitted_per_second=7.0))
    curve = second_log.history.curve("admitted", "time")
    assert curve.average.tolist() == [9.5, 9.5, 9.5, 7.0]
    assert second_log.history.curve("learner.loss").average.tolist() == [0.5] * 4


def test_a_long_run_is_noted_less_often(tmp_path, at):
    log = VitalsLog(tmp_path / "vitals.jsonl")
    for second in range(7200):
        log.note(at(second))
    assert 700 < log.history.episodes < 2500
    log.note(at(7205))
    assert log.history.extent("time")[1] < 1.7e9 + 7205


def test_a_silent_node_leaves_a_gap(tmp_path, at):
    log = VitalsLog(tmp_path / "vitals.jsonl")
    log.note(at(0, alive=False))
    assert log.history.episodes == 0
