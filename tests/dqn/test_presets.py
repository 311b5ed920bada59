"""Presets: the agents of the literature as settings of DQN."""

import pytest

from soulsai_core import Catalog, load_config
from soulsai_core.config import resolve
from soulsai_dqn.config import DQNConfig

PRESETS = ["double_dqn", "rainbow", "apex", "r2d2", "high_replay"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder without configuration files."""
    monkeypatch.chdir(tmp_path)


def settings(*overrides):
    resolved = resolve(load_config(None, overrides, {}), Catalog())
    assert resolved.algorithm.name == "dqn"
    return resolved.algorithm_config


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_dqn_with_other_settings(name):
    assert settings(f"preset={name}") != settings() == DQNConfig()


def test_presets_are_different_agents():
    assert len({settings(f"preset={name}").model_dump_json() for name in PRESETS}) == len(PRESETS)


def test_parts_of_a_preset_can_be_switched_off():
    without = settings("preset=rainbow", "algorithm.config.dueling=false", "algorithm.config.prioritized=null")
    assert without == settings("preset=rainbow").model_copy(update={"dueling": False, "prioritized": None})


def test_rainbow_is_all_of_its_parts():
    rainbow = settings("preset=rainbow")
    assert rainbow.double and rainbow.dueling and rainbow.noisy and rainbow.prioritized is not None
    assert (rainbow.head, rainbow.exploration, rainbow.n_step) == ("categorical", "noisy", 3)


def test_double_dqn_has_none_of_rainbows_other_parts():
    plain = settings("preset=double_dqn")
    assert plain.double and plain.head == "scalar" and plain.exploration == "epsilon"
    assert not plain.dueling and not plain.noisy and not plain.layer_norm and plain.prioritized is None
