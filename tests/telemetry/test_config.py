"""The telemetry node's settings."""

import pytest
from pydantic import ValidationError

from soulsai_core.testing.plugin import PluginContract
from soulsai_telemetry.config import TelemetryConfig
from soulsai_telemetry.plugin import plugin


class TestSettings(PluginContract):
    """What holds for every plugin's settings holds for these."""

    @pytest.fixture
    def plugin(self):
        return plugin

    @pytest.fixture
    def config(self):
        return TelemetryConfig(metrics={"win": {"condition": "> 200"}}, page={"port": 9000})


def test_by_default_connectors_get_every_second_episode_and_the_page_is_for_this_machine():
    config = TelemetryConfig()
    assert (config.update_interval, config.page.host, config.page.token) == (2, "127.0.0.1", None)


def test_metric_of_the_best_model_must_exist():
    with pytest.raises(ValidationError, match=r"none of the metrics return, length, seconds, win"):
        TelemetryConfig(info_metrics=False, metrics={"win": {}}, best={"metric": "wins"})
    assert TelemetryConfig(best={"metric": "boss_hp"}).best.metric == "boss_hp"


def test_token_is_not_shown():
    assert "hush" not in repr(TelemetryConfig(page={"token": "hush" * 4}))
