"""The presets, which must be valid settings of the installed algorithms."""

from __future__ import annotations

import pytest

from soulsai_core import Catalog, load_config
from soulsai_core.config import resolve


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def settings(name):
    pytest.importorskip("soulsai_dqn", reason="the presets learn with DQN")
    return resolve(load_config(None, [f"preset={name}"], {}), Catalog())


@pytest.mark.parametrize("boss", ["iudex", "vordt"])
def test_preset_of_the_simulated_fight_needs_no_game_and_ends_by_itself(boss):
    chosen = settings(f"{boss}-simulated")
    assert chosen.environment_config.game == "simulated"
    assert chosen.config.training.stop.env_steps == 300_000
    assert not chosen.config.client.isolate, "the simulated game is fast and does not hang"


@pytest.mark.parametrize("boss", ["iudex", "vordt"])
def test_preset_of_the_real_fight_isolates_and_restarts_the_game(boss):
    chosen = settings(boss)
    client = chosen.config.client
    assert chosen.environment_config.game == "real"
    assert client.isolate and client.discard_late_steps and client.min_steps_per_minute
    assert client.step_timeout_s + 1 < 60, "a frozen game is started again within a minute"
    assert chosen.algorithm_config.replay_ratio >= 1


@pytest.mark.parametrize(("boss", "size"), [("iudex", 96), ("vordt", 90)])
def test_both_presets_of_a_boss_have_the_same_spec(boss, size):
    for name in (boss, f"{boss}-simulated"):
        chosen = settings(name)
        spec = chosen.environment.spec(chosen.environment_config)
        assert spec.masked and spec.observations["observation"].shape == (size,)
