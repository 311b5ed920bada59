"""Settings come in layers, and each overrides those below it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_core.config import Config, load_config
from soulsai_core.config.layers import merge, overlay

scalars = st.sampled_from([None, True, 0, 1, "", "x", "dqn"])
keys = st.sampled_from(["a", "b", "name", "config", "algorithm"])
trees = st.recursive(scalars | st.lists(scalars, max_size=2), lambda inner: st.dictionaries(keys, inner), max_leaves=8)
mappings = st.dictionaries(keys, trees)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def leaves(tree, path=()):
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


@settings(max_examples=30)
@given(mappings)
def test_merging_with_nothing_changes_nothing(tree):
    assert merge(tree, {}) == tree
    assert merge({}, tree) == tree
    assert overlay(tree, {}) == tree
    assert overlay({}, tree) == tree


@settings(max_examples=50)
@given(mappings, mappings)
def test_every_value_of_the_later_layer_counts(base, over):
    for merged in (merge(base, over), overlay(base, over)):
        for path, value in leaves(over):
            if value != {}:  # an empty group says nothing
                assert at(merged, path) == value


@settings(max_examples=30)
@given(mappings, mappings)
def test_values_that_the_later_layer_does_not_give_stay(base, over):
    merged = merge(base, over)
    for key in base.keys() - over.keys():
        assert merged[key] == base[key]


def load(overrides=(), environ=None, file=None):
    return load_config(file, overrides, environ or {})


def test_without_any_layer_the_defaults_hold():
    assert load() == Config()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "training:\nalgorithm:\n  config:\nconnectors:\n"])
def test_an_empty_file_is_valid(here, text):
    (here / "config.yaml").write_text(text)
    assert load() == Config()


def test_an_empty_section_keeps_the_values_of_lower_layers(here):
    (here / "config_d.yaml").write_text("training:\n  checkpoint_every: 7\n  stop:\n    iterations: 9\n")
    (here / "config.yaml").write_text("training:\n  stop:\n")
    assert (load().training.checkpoint_every, load().training.stop.iterations) == (7, 9)


def test_each_layer_overrides_the_one_below(here):
    (here / "config_d.yaml").write_text("run: {name: defaults, seed: 1, saves: kept}\ntraining: {checkpoint_every: 2}")
    (here / "config.yaml").write_text("run: {name: file, seed: 3}")
    environ = {"SOULSAI_RUN__NAME": "variable", "SOULSAI_TRAINING__CHECKPOINT_EVERY": "5"}
    config = load(["training.checkpoint_every=6"], environ)
    assert (config.run.name, config.run.seed, config.run.saves) == ("variable", 3, "kept")
    assert config.training.checkpoint_every == 6


def test_a_file_in_another_folder_is_read_with_the_defaults_of_that_folder(here):
    (here / "config.yaml").write_text("run: {name: here}")
    (here / "other").mkdir()
    (here / "other" / "mine.yaml").write_text("run: {name: there}")
    (here / "other" / "config_d.yaml").write_text("run: {seed: 4}")
    config = load(file=here / "other" / "mine.yaml")
    assert (config.run.name, config.run.seed) == ("there", 4)


def test_a_saved_json_file_is_read_like_yaml(here):
    (here / "config.json").write_text(json.dumps({"run": {"name": "saved"}}, indent=4))
    assert load(file=here / "config.json").run.name == "saved"


def test_a_file_from_a_windows_editor_is_read(here):
    (here / "config.yaml").write_bytes("\ufeffrun:\r\n  name: windows\r\n".encode())
    assert load().run.name == "windows"


def test_lists_replace_and_do_not_grow(here):
    (here / "config_d.yaml").write_text("connectors: [{name: a}, {name: b}]")
    assert [part.name for part in load(["connectors=[{name: c}]"]).connectors] == ["c"]


def test_a_part_keeps_its_config_while_its_name_stays(here):
    (here / "config_d.yaml").write_text("algorithm: {name: dqn, config: {lr: 1, gamma: 2}}")
    (here / "config.yaml").write_text("algorithm: {name: dqn, config: {lr: 3}}")
    assert load().algorithm.config == {"lr": 3, "gamma": 2}


@pytest.mark.parametrize("named", ["name: dqn, ", ""])
def test_a_part_whose_name_changes_leaves_its_old_config_behind(here, named):
    (here / "config_d.yaml").write_text(f"algorithm: {{{named}config: {{lr: 1, gamma: 2}}}}")
    (here / "config.yaml").write_text("algorithm: {name: ppo, config: {lr: 3}}")
    assert load().algorithm.config == {"lr": 3}


@pytest.mark.parametrize(
    "overrides", [["algorithm.name=ppo", "algorithm.config.lr=3"], ["algorithm.config.lr=3", "algorithm.name=ppo"]]
)
def test_the_order_of_a_name_and_its_config_on_the_command_line_does_not_matter(here, overrides):
    (here / "config.yaml").write_text("algorithm: {config: {gamma: 2}}")
    config = load(overrides)
    assert (config.algorithm.name, config.algorithm.config) == ("ppo", {"lr": 3})


def test_an_algorithm_chosen_by_a_variable_keeps_its_config_from_the_command_line():
    config = load(["algorithm.config.lr=3"], {"SOULSAI_ALGORITHM__NAME": "ppo"})
    assert (config.algorithm.name, config.algorithm.config) == ("ppo", {"lr": 3})


def test_null_in_a_later_layer_switches_a_plugin_setting_off(here):
    (here / "config_d.yaml").write_text("algorithm: {config: {noise: {scale: 1}}}")
    (here / "config.yaml").write_text("algorithm: {config: {noise: null}}")
    assert load().algorithm.config == {"noise": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("CartPole-v1", "CartPole-v1"),
        ("1e-3", 0.001),
        ("5", 5),
        ("true", True),
        ("null", None),
        ("[1, two]", [1, "two"]),
        ("'5'", "5"),
        ("2024-01-02", "2024-01-02"),
        ("a=b", "a=b"),
        ("ALE/Pong-v5", "ALE/Pong-v5"),
    ],
)
def test_values_from_the_command_line_and_the_environment_are_yaml(text, value):
    assert load([f"environment.config.x={text}"]).environment.config == {"x": value}
    assert load(environ={"SOULSAI_ENVIRONMENT__CONFIG__X": text}).environment.config == {"x": value}


def test_a_whole_list_can_be_given_in_a_variable():
    assert load(environ={"SOULSAI_CONNECTORS": "[{name: a}]"}).connectors[0].name == "a"


def test_of_two_overrides_of_one_setting_the_last_holds():
    assert load(["run.name=a", "run.name=b"]).run.name == "b"


def test_a_run_may_be_called_by_a_number():
    assert load(["run.name=2024"]).run.name == "2024"


def test_variables_that_are_empty_or_no_settings_are_ignored():
    environ = {"SOULSAI_RUN__NAME": "", "SOULSAI_REDIS_PASSWORD": "hush", "SOULSAI_IMAGE": "x", "RUN__NAME": "y"}
    config = load(environ=environ)
    assert config == Config()
    assert config.sources.origins() == []


def test_a_configuration_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        load().run.name = "other"
