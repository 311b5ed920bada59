"""The fold of episodes into records."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soulsai_core import Episode
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.recorder import Recorder, Reported


def reports(rewards, **changes):
    return [
        Reported(str(i), 1000.0 + i, Episode(**{"id": f"a-{i}", "client": "a", "total_reward": r, "length": 10,
                 "iteration": i, "seconds": 2.0, **changes}))
        for i, r in enumerate(rewards, start=1)
    ]  # fmt: skip


def fold(rewards, **settings):
    recorder = Recorder(TelemetryConfig(**{"moving_average": 3, **settings}))
    return recorder, [recorder.add(report) for report in reports(rewards)]


def test_a_record_says_where_the_episode_stands():
    _, (first, second) = fold([1.0, 3.0])
    assert (second.number, second.steps, second.time, second.iteration, second.client) == (2, 20, 1002.0, 2, "a")
    assert (first.values["return"], second.averages["return"]) == (1.0, 2.0)


@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 10), st.sampled_from(["max", "min"]))
def test_the_best_is_the_best_average_over_a_whole_window(rewards, window, mode):
    recorder, _ = fold(rewards, moving_average=window, best={"mode": mode})
    means = [math.fsum(rewards[i - window : i]) / window for i in range(window, len(rewards) + 1)]
    if not means:
        assert recorder.best is None
    else:
        best = (max if mode == "max" else min)(means)
        assert recorder.best.score == pytest.approx(best, rel=1e-9, abs=1e-6)
        assert means[recorder.best.episode - window] == pytest.approx(best, rel=1e-9, abs=1e-6)


def test_the_best_may_be_judged_by_any_metric():
    recorder, _ = fold([1, 9, 1, 1], metrics={"win": {"condition": "> 5"}}, best={"metric": "win"})
    assert (recorder.best.metric, recorder.best.score) == ("win", pytest.approx(1 / 3))


def test_an_episode_cut_short_has_steps_but_no_values():
    recorder = Recorder(TelemetryConfig(moving_average=2))
    recorder.add(reports([5.0])[0])
    record = recorder.add(Reported("2", 1002.0, Episode("a-2", "a", 100.0, 4, 1, 1.0, complete=False)))
    assert (record.values, record.steps, recorder.incomplete) == ({}, 14, 1)
    assert recorder.history.curve("return").mean.tolist() == [5.0]


def test_time_never_runs_backwards():
    recorder = Recorder(TelemetryConfig())
    late, early = reports([1.0, 1.0])
    recorder.add(Reported("1", 5000.0, late.episode))
    assert recorder.add(Reported("2", 100.0, early.episode)).time == 5000.0


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_the_same_reports_give_the_same_history_and_best(rewards):
    (one, records), (other, again) = fold(rewards), fold(rewards)
    assert records == again
    assert one.best == other.best


def test_clients_are_known_since_their_first_episode_began():
    recorder, _ = fold([1.0, 2.0, 6.0])
    assert recorder.clients["a"].since == 999.0
    assert list(recorder.clients["a"].returns) == [1.0, 2.0, 6.0]


def test_clients_without_end_do_not_fill_the_memory():
    recorder = Recorder(TelemetryConfig())
    for i in range(1500):
        recorder.add(Reported(str(i), 1.0, Episode(f"c{i}-1", f"c{i}", 1.0, 1, 0, 1.0)))
    assert len(recorder.clients) == 1000
