"""From episode reports to records and history."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core import Episode
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.history.builder import EpisodeReport, HistoryBuilder, entry_time
from soulsai_telemetry.history.records import Candidate


def reports(returns, **changes):
    return [
        EpisodeReport(str(i), 1000.0 + i, Episode(**{"id": f"a-{i}", "client": "a", "total_reward": r, "length": 10,
                 "iteration": i, "seconds": 2.0, **changes}))
        for i, r in enumerate(returns, start=1)
    ]  # fmt: skip


def build(returns, **settings):
    builder = HistoryBuilder(TelemetryConfig(**{"moving_average": 3, **settings}))
    return builder, [builder.add(report) for report in reports(returns)]


def test_record_has_the_position_of_its_episode():
    _, (first, second) = build([1.0, 3.0])
    assert (second.number, second.steps, second.time, second.iteration, second.client) == (2, 20, 1002.0, 2, "a")
    assert (first.values["return"], second.averages["return"]) == (1.0, 2.0)


@settings(max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), max_size=40), st.integers(1, 10), st.sampled_from(["max", "min"]))
def test_best_is_the_best_average_over_a_whole_window(returns, window, mode):
    builder, _ = build(returns, moving_average=window, best={"mode": mode})
    means = [math.fsum(returns[i - window : i]) / window for i in range(window, len(returns) + 1)]
    if not means:
        assert builder.best is None
    else:
        best = (max if mode == "max" else min)(means)
        assert builder.best.score == pytest.approx(best, rel=1e-9, abs=1e-6)
        assert means[builder.best.episode - window] == pytest.approx(best, rel=1e-9, abs=1e-6)


def test_best_can_be_judged_by_any_metric():
    builder, _ = build([1, 9, 1, 1], metrics={"win": {"condition": "> 5"}}, best={"metric": "win"})
    assert (builder.best.metric, builder.best.score) == ("win", pytest.approx(1 / 3))


def test_episode_cut_short_has_steps_but_no_values():
    builder = HistoryBuilder(TelemetryConfig(moving_average=2))
    builder.add(reports([5.0])[0])
    record = builder.add(EpisodeReport("2", 1002.0, Episode("a-2", "a", 100.0, 4, 1, 1.0, complete=False)))
    assert (record.values, record.steps, builder.incomplete) == ({}, 14, 1)
    assert builder.history.curve("return").mean.tolist() == [5.0]


def test_time_never_runs_backwards():
    builder = HistoryBuilder(TelemetryConfig())
    late, early = reports([1.0, 1.0])
    builder.add(EpisodeReport("1", 5000.0, late.episode))
    assert builder.add(EpisodeReport("2", 100.0, early.episode)).time == 5000.0


def test_same_reports_give_the_same_records_and_best():
    one, records = build([3.0, 1.0, 4.0, 1.0, 5.0])
    other, again = build([3.0, 1.0, 4.0, 1.0, 5.0])
    assert records == again
    assert one.best == other.best


def test_client_is_known_since_its_first_episode_began():
    builder, _ = build([1.0, 2.0, 6.0])
    assert builder.clients["a"].since == 999.0
    assert list(builder.clients["a"].returns) == [1.0, 2.0, 6.0]


def test_number_of_remembered_clients_is_bounded():
    builder = HistoryBuilder(TelemetryConfig())
    for i in range(1500):
        builder.add(EpisodeReport(str(i), 1.0, Episode(f"c{i}-1", f"c{i}", 1.0, 1, 0, 1.0)))
    assert len(builder.clients) == 1000


@pytest.mark.parametrize(
    ("identifier", "time"),
    [("1700000000500-3", 1700000000.5), ("00000000000000000007", None), ("", None), ("a-1", None)],
)
def test_redis_writes_the_time_into_the_id_of_an_entry(identifier, time):
    assert entry_time(identifier) == time


def test_invented_returns_of_one_contributor_do_not_make_the_best_model():
    builder = HistoryBuilder(TelemetryConfig(moving_average=5))
    made = [(name, 5.0 + number / 100) for number in range(20) for name in ("alice@a", "bob@b")]
    made += [("mallory@x", 999_999.0)] * 100 + [("alice@a", 8.0), ("bob@b", 8.0)] * 5
    for number, (client, value) in enumerate(made, start=1):
        builder.add(EpisodeReport(str(number), 1000.0, Episode(f"{client}-{number}", client, value, 10, number, 1.0)))
    assert builder.best.score == pytest.approx(8.0)


def test_best_is_judged_anew_after_a_reset():
    builder, _ = build([9.0] * 6)
    assert builder.best.score == 9.0
    assert builder.reset_best() == 6 and builder.best is None
    for report in reports([5.0] * 10)[6:]:
        builder.add(report)
    assert builder.best.score == 5.0
    again = HistoryBuilder(TelemetryConfig(moving_average=3), best_since=6)
    for report in reports([9.0] * 6 + [5.0] * 4):
        again.add(report)
    assert again.best.score == 5.0


def test_once_a_model_was_evaluated_evaluations_alone_judge_the_best():
    builder, _ = build([100.0] * 3)
    assert (builder.best.metric, builder.best.score) == ("return", 100.0)
    for report in reports([5.0, 7.0], iteration=3, evaluation=2, id="b-1"):
        record = builder.add(report)
    assert record.values["evaluation_return"] == 7.0 and "return" not in record.values
    assert (builder.best.metric, builder.best.score, builder.best.iteration) == ("evaluation_return", 6.0, 3)
    assert builder.candidate == Candidate("evaluation_return", 6.0, 3)
    builder.add(reports([900.0])[0])
    assert builder.candidate is None and builder.best.score == 6.0
    assert "evaluation_return" in builder.metric_names
    assert builder.clients["a"].mean_return == pytest.approx((300 + 900) / 4), "returns of training"
