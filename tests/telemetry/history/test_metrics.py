"""The metrics of an episode."""

import math

import pytest
from pydantic import ValidationError

from soulsai_telemetry.config import MetricSettings
from soulsai_telemetry.history.metrics import MAX_METRICS, MetricSet, compile_condition


def measured(episode, settings=None, *, discover=False, between=0.0, name="it"):
    return MetricSet({name: settings} if settings else {}, discover).measure(episode, between)


def test_return_length_and_seconds_are_metrics_of_every_run(episode):
    assert measured(episode(total_reward=5, length=12, seconds=3.0)) == {"return": 5.0, "length": 12.0, "seconds": 3.0}


@pytest.mark.parametrize(
    ("key", "value"),
    [("total_reward", 5.0), ("length", 12.0), ("seconds", 3.0), ("seconds_per_step", 0.25), ("seconds_between", 7.0),
     ("iteration", 4.0), ("boss_hp", 0.3)],
)  # fmt: skip
def test_every_key_can_be_a_metric(episode, key, value):
    report = episode(total_reward=5, length=12, seconds=3.0, iteration=4, metrics={"boss_hp": 0.3})
    assert measured(report, MetricSettings(key=key), between=7.0)["it"] == value


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [("> 200", 200, 0), ("> 200", 200.1, 1), (">= 200", 200, 1), ("<-1.5e2", -151, 1), ("<= .5", 0.5, 1),
     ("== 0", 0, 1), ("!= 0", 0, 0)],
)  # fmt: skip
def test_condition_gives_one_where_it_holds_and_zero_where_not(episode, condition, value, holds):
    assert measured(episode(total_reward=value), MetricSettings(condition=condition))["it"] == holds


@pytest.mark.parametrize("condition", ["200", "> much", ">", "=> 3", "> 1; import os", "__import__('os')", "> nan"])
def test_condition_that_is_no_comparison_is_rejected(condition):
    with pytest.raises(ValidationError, match="comparison"):
        MetricSettings(condition=condition)


def test_numbers_of_info_are_metrics_under_their_own_names_if_the_settings_say_so(episode):
    report = episode(metrics={"boss_hp": 0.3})
    assert measured(report, discover=True)["boss_hp"] == 0.3
    assert "boss_hp" not in measured(report)


def test_number_that_an_episode_does_not_report_is_left_out(episode):
    assert "it" not in measured(episode(), MetricSettings(key="boss_hp"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_number_that_is_not_finite_is_left_out(episode, value):
    assert "boss_hp" not in measured(episode(metrics={"boss_hp": value}), discover=True)


def test_episode_without_steps_can_be_measured(episode):
    assert measured(episode(length=0, seconds=1.0), MetricSettings(key="seconds_per_step"))["it"] == 1.0


def test_number_of_metrics_is_bounded(episode):
    metrics = MetricSet({}, discover=True)
    for i in range(5):
        metrics.measure(episode(metrics={f"n{i}-{j}": 1.0 for j in range(50)}), 0.0)
    assert len(metrics.names) == MAX_METRICS


def test_null_is_no_condition():
    assert compile_condition(None) is None
