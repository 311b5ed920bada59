"""Presets: settings that a plugin brings, between the defaults and what a person says."""

import argparse

import pytest

from soulsai_core.cli.options import add_config_arguments
from soulsai_core.config import load_config, resolve
from soulsai_core.config.layers import presets_as_overrides
from soulsai_core.errors import ConfigError, PluginError

PRESET = """
from soulsai_core.contracts import PresetPlugin
plugin = PresetPlugin("{name}", {values})
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def add(site):
    """A function: install a preset with these values."""

    def add(name, values):
        site.add("presets", name, f"home-of-{name}", code=PRESET.format(name=name, values=values))

    return add


@pytest.fixture
def load(catalog):
    """A function: the configuration of these overrides and variables."""
    return lambda *overrides, file=None, **environ: load_config(file, overrides, environ, catalog)


def test_preset_overrides_the_defaults_and_is_overridden_by_all_other_layers(here, add, load):
    add("game", {"run": {"name": "preset", "saves": "preset", "seed": 1}, "client": {"max_message_rows": 5}})
    (here / "config_d.yaml").write_text("run: {name: default, saves: default, seed: 0}\nclient: {max_message_rows: 9}")
    (here / "config.yaml").write_text("preset: game\nrun: {saves: mine}")
    config = load("run.seed=2")
    assert (config.preset, config.run.name, config.run.saves, config.run.seed) == ("game", "preset", "mine", 2)
    assert config.client.max_message_rows == 5
    assert "the preset game" in config.sources.origins()


@pytest.mark.parametrize("how", ["file", "variable", "override", "option"])
def test_preset_can_be_named_in_every_layer(here, add, load, how):
    add("game", {"run": {"name": "of-the-game"}})
    if how == "file":
        (here / "config.yaml").write_text("preset: game")
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    option = parser.parse_args(["--set", "run.seed=1", "--preset", "game"]).set
    overrides = {"override": ["preset=game"], "option": option}.get(how, [])
    environ = {"SOULSAI_PRESET": "game"} if how == "variable" else {}
    assert load(*overrides, **environ).run.name == "of-the-game"


def test_highest_layer_decides_which_preset_it_is(here, add, load):
    add("one", {"run": {"name": "one"}})
    add("two", {"run": {"name": "two"}})
    (here / "config.yaml").write_text("preset: one")
    assert load().run.name == "one"
    assert load("preset=two").run.name == "two"
    assert load("preset=null").run.name == "main"


def test_another_algorithm_leaves_the_presets_settings_of_the_first_behind(add, load, catalog):
    add("game", {"algorithm": {"name": "dqn", "config": {"lr": 0.5}}, "run": {"name": "game"}})
    assert resolve(load("preset=game"), catalog).algorithm_config.lr == 0.5
    other = resolve(load("preset=game", "algorithm.name=ppo"), catalog)
    assert (other.algorithm.name, other.algorithm_config.lr, other.config.run.name) == ("ppo", 1e-3, "game")


def test_error_in_a_preset_names_it(add, load):
    add("game", {"client": {"max_message_rows": -3}})
    with pytest.raises(ConfigError, match=r"client\.max_message_rows: must be at least 1, but the preset game says -3"):
        load("preset=game")


def test_preset_that_is_not_installed_is_named_with_those_that_are(add, load):
    add("game", {})
    with pytest.raises(PluginError, match=r"no preset 'gaem' installed\. Did you mean 'game'\? Installed: game"):
        load("preset=gaem")


def test_preset_of_ours_that_is_not_installed_names_its_distribution(load):
    with pytest.raises(PluginError, match="Try: pip install soulsai-souls-env"):
        load("preset=iudex-simulated")


@pytest.mark.parametrize("value", ["[1, 2]", "{name: game}", "3"])
def test_a_preset_that_is_no_name_is_an_error(load, value):
    with pytest.raises(ConfigError, match="preset: must be the name of a preset or a list of names"):
        load(f"preset={value}")


def test_several_presets_are_laid_over_each_other_in_their_order(add, load):
    add("game", {"run": {"name": "game", "saves": "game"}, "algorithm": {"config": {"lr": 0.5}}})
    add("fast", {"run": {"name": "fast"}, "algorithm": {"config": {"loss": "mse"}}})
    config = load("preset=[game, fast]")
    assert (config.run.name, config.run.saves) == ("fast", "game")
    assert config.algorithm.config == {"lr": 0.5, "loss": "mse"}
    assert load("preset=[fast, game]").run.name == "game"


def test_the_option_can_be_repeated(add, load):
    add("game", {"run": {"name": "game", "saves": "game"}})
    add("fast", {"run": {"name": "fast"}})
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    config = load(*parser.parse_args(["--preset", "game", "--set", "run.seed=3", "--preset", "fast"]).set)
    assert (config.preset, config.run.name, config.run.saves, config.run.seed) == (("game", "fast"), "fast", "game", 3)


def test_an_algorithm_that_is_a_preset_is_an_error_that_says_how_to_choose_it(add, load, catalog):
    add("rainbow", {"algorithm": {"name": "dqn", "config": {"lr": 0.5}}})
    with pytest.raises(PluginError, match=r"no algorithm 'rainbow' installed.*It is a preset: --preset rainbow"):
        resolve(load("algorithm.name=rainbow"), catalog)


def test_broken_preset_is_named(add, load):
    add("game", 17)
    with pytest.raises(PluginError, match=r"'game' of home-of-game 1\.2 cannot be used: its values are no mapping"):
        load("preset=game")


def test_resolved_settings_show_the_preset(add, load, catalog):
    add("game", {"run": {"name": "of-the-game"}})
    public = resolve(load("preset=game"), catalog).public()
    assert public["preset"] == "game" and public["run"]["name"] == "of-the-game"


def test_presets_as_overrides_are_those_named_last_laid_over_each_other(add, catalog):
    add("one", {"algorithm": {"name": "dqn", "config": {"gamma": 0.5}}, "run": {"name": "one", "seed": 1}})
    add("two", {"algorithm": {"name": "ppo"}, "run": {"name": "two"}})
    overrides = presets_as_overrides(["preset=two", "run.seed=3", "preset=[one, two]"], catalog)
    assert sorted(overrides) == ['algorithm={"name": "ppo"}', 'run={"name": "two", "seed": 1}']
    assert presets_as_overrides(["run.seed=3"], catalog) == []
