"""Every error names the setting, what was given, where it came from, and what would be right."""

import pytest

from soulsai_core.config import check_part, load_config, resolve
from soulsai_core.errors import ConfigError, PluginError
from soulsai_core.plugins.catalog import Catalog


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def error(overrides=(), environ=None, file=None):
    with pytest.raises(ConfigError) as caught:
        load_config(file, overrides, environ or {})
    return str(caught.value)


def resolving_error(catalog, overrides):
    with pytest.raises(ConfigError) as caught:
        resolve(load_config(None, overrides, {}), catalog)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        (
            "training.chekpoint_every=5",
            "training.chekpoint_every: there is no such setting (--set). Did you mean training.checkpoint_every?",
        ),
        (
            "checkpoint_every=5",
            "checkpoint_every: there is no such setting (--set). Did you mean training.checkpoint_every?",
        ),
        ("algoritm.name=ppo", "algoritm: there is no such setting (--set). Did you mean algorithm?"),
        ("run.xyz=1", "run.xyz: there is no such setting (--set). Here can be: name, saves, seed."),
        ("training.checkpoint_every=0", "training.checkpoint_every: must be at least 1, but --set says 0."),
        ("training.checkpoint_every=1.5", "training.checkpoint_every: must be a whole number, but --set says 1.5."),
        ("training.checkpoint_every=x", 'training.checkpoint_every: must be a whole number, but --set says "x".'),
        ("training.journal=x", 'training.journal: must be true or false, but --set says "x".'),
        ("training.client_timeout_s=x", 'training.client_timeout_s: must be a number, but --set says "x".'),
        (
            "training.client_timeout_s=.inf",
            "training.client_timeout_s: must be a finite number, but --set says Infinity.",
        ),
        ("training.prometheus_port=70000", "training.prometheus_port: must be at most 65535, but --set says 70000."),
        ("run.saves=true", "run.saves: must be text, but --set says true."),
        ("run.saves.x=1", 'run.saves: must be text, but --set says {"x": 1}.'),
        ("training=5", "training: must be a group of settings, `key: value`, but --set says 5."),
        ("connectors=5", "connectors: must be a list, but --set says 5."),
        ("connectors=[{config: {}}]", "connectors[0].name: must be given."),
        (
            "client.backpressure=drip",
            "client.backpressure: must be 'wait' or 'drop', but --set says \"drip\". Did you mean drop?",
        ),
        (
            "run.name=a/b",
            "run.name: must be 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit;"
            ' --set says "a/b".',
        ),
        (
            "client.max_message_mb=65",
            "client.max_message_mb (65) must not be more than training.max_message_mb (64): all samples would be"
            " rejected.",
        ),
        (
            "client.heartbeat_interval_s=15",
            "client.heartbeat_interval_s (15) must be less than training.client_timeout_s (15): all clients would count"
            " as lost.",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_a_sentence(override, sentence):
    assert error([override]) == sentence


def test_an_error_names_the_layer_that_gave_the_value(here):
    (here / "config_d.yaml").write_text("training: {checkpoint_every: -1}")
    assert "config_d.yaml says -1" in error()
    (here / "config.yaml").write_text("training: {checkpoint_every: -2}")
    assert ", but config.yaml says -2" in error()
    environ = {"SOULSAI_TRAINING__CHECKPOINT_EVERY": "-3"}
    assert "SOULSAI_TRAINING__CHECKPOINT_EVERY says -3" in error(environ=environ)
    assert "--set says -4" in error(["training.checkpoint_every=-4"], environ)


def test_all_wrong_settings_are_listed_with_a_line_each():
    lines = error(["training.checkpoint_every=0", "run.sed=1", "client.backpressure=no"]).splitlines()
    assert lines[0] == "3 settings are wrong:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "run.sed",
        "training.checkpoint_every",
        "client.backpressure",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("run:\n  name: [1", "config.yaml, line 2, column 11: this is not valid YAML: expected ',' or ']'"),
        ("run:\n\tname: x", "config.yaml, line 2, column 1: this is not valid YAML:"),
        ("run: {}\nrun: {}", "config.yaml, line 2, column 1: this is not valid YAML: 'run' occurs twice here."),
        ("on: 1", "config.yaml, line 1, column 1: this is not valid YAML: a key must be text (put it in quotes)."),
        ("run: \x00", "config.yaml: this is not valid YAML: unacceptable character"),
        ("!!python/object/apply:os.getcwd []", "config.yaml, line 1, column 1: this is not valid YAML: could not"),
        ("- a\n- b", "config.yaml must hold settings as `key: value`, but it holds a list."),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_refused_with_its_line(here, text, sentence):
    (here / "config.yaml").write_text(text)
    assert error().startswith(sentence)


def test_a_file_that_cannot_be_decoded_is_refused(here):
    (here / "config.yaml").write_bytes(b"\xff\xfe\xfa")
    assert error().startswith("config.yaml cannot be read: ")


def test_a_file_that_was_asked_for_and_is_missing_is_refused(here):
    assert error(file=here / "gone.yaml") == f"There is no configuration file {here / 'gone.yaml'}."


@pytest.mark.parametrize("override", ["run.name", "=x", "run..name=x", ".name=x"])
def test_an_override_that_is_no_assignment_is_refused(override):
    assert error([override]) == f"--set {override}: write it as name.of.setting=value."


def test_bad_yaml_on_the_command_line_is_refused_naming_the_setting():
    assert error(["run.name=[1"]).startswith("--set (run.name), line 1")


@pytest.mark.parametrize("value", ["[" * 5000, "{a: " * 5000, "- " * 5000 + "a"])
def test_a_value_of_very_deep_nesting_is_refused_naming_the_setting(here, value):
    sentence = "lists and groups lie too deep within each other."
    assert error([f"client={value}"]) == f"--set (client): {sentence}"
    (here / "config.yaml").write_text(f"{value}")
    assert error() == f"config.yaml: {sentence}"


def test_a_name_of_very_many_words_is_refused():
    assert error(["a." * 5000 + "b=1"]).endswith("...: a name has at most 100 words with dots between them.")


def test_a_variable_with_one_underscore_too_few_is_refused():
    message = error(environ={"SOULSAI_TRAINING_CHECKPOINT_EVERY": "5"})
    assert message.endswith("Did you mean SOULSAI_TRAINING__CHECKPOINT_EVERY?")


def test_a_variable_of_a_section_that_does_not_exist_is_refused():
    message = error(environ={"SOULSAI_TRANING__CHECKPOINT_EVERY": "5"})
    assert message == ("traning: there is no such setting (SOULSAI_TRANING__CHECKPOINT_EVERY). Did you mean training?")


def test_a_malformed_address_is_an_error_with_the_allowed_forms():
    message = error(["redis.address=http://host"])
    assert message.startswith("redis.address: 'http://host' is not the address of a Redis server")
    assert message.endswith('--set says "http://host".')


@pytest.mark.parametrize("address", ["redis://:hush@host:1", "redis://me:hush@host", "me:hush@host"])
def test_a_password_in_the_address_is_refused_and_not_shown(address):
    message = error([f"redis.address={address}"])
    assert "redis.address: must not hold a password" in message
    assert "hush" not in message


@pytest.mark.parametrize("password", ["hu sh#x", "hu sh/x", "hu@sh?x", 'hu"s h#x'])
def test_a_password_in_a_malformed_address_is_not_shown(password):
    message = error([f"redis.address='redis://me:{password}@host'"])
    assert "is not the address of a Redis server" in message and "hu" not in message and "sh" not in message


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("algorithm.config.lr=0", "algorithm.config.lr: must be more than 0, but --set says 0."),
        (
            "algorithm.config.lrr=1",
            "algorithm.config.lrr: there is no such setting (--set). Did you mean algorithm.config.lr?",
        ),
        (
            "algorithm.config.scale=1",
            "algorithm.config.scale: there is no such setting (--set). Did you mean algorithm.config.noise.scale?",
        ),
        ("algorithm.config.noise.scale=x", 'algorithm.config.noise.scale: must be a number, but --set says "x".'),
        ("algorithm.config.layers=[1, x]", 'algorithm.config.layers[1]: must be a whole number, but --set says "x".'),
        ("algorithm.config.loss=mes", "algorithm.config.loss: must be 'huber' or 'mse', but --set says \"mes\"."),
        ("algorithm.config.api_key=[a, b]", "algorithm.config.api_key: must be text, but --set says something else."),
        ("environment.config.idd=x", "environment.config.idd: there is no such setting (--set). Did you mean"),
        (
            "connectors=[{name: json_file, config: {prot: 1}}]",
            "connectors[0].config.prot: there is no such setting (--set). Did you mean connectors[0].config.port?",
        ),
    ],
)
def test_a_wrong_setting_of_a_plugin_is_refused_with_its_path_from_the_top(catalog, override, sentence):
    assert resolving_error(catalog, [override]).startswith(sentence)


def test_a_value_that_fits_no_alternative_is_reported_at_the_settings_own_path(catalog):
    message = resolving_error(catalog, ["algorithm.config.limit=x"])
    assert {line.strip().split(":")[0] for line in message.splitlines()[1:]} == {"algorithm.config.limit"}


@pytest.mark.parametrize(
    ("wrapper", "sentence"),
    [
        ("{gymnasium: StickyActions}", 'gymnasium: must be one of 21 names, but --set says "StickyActions". Did you '
         "mean StickyAction?"),
        ("{gymnasium: StickyAction, argument: {}}", "argument: there is no such setting (--set). Did you mean "
         "environment.config.wrappers[0].arguments?"),
        ("{name: scale_reward, confg: {}}", "confg: there is no such setting (--set). Did you mean "
         "environment.config.wrappers[0].config?"),
    ],
)  # fmt: skip
def test_of_alternatives_the_one_that_was_meant_is_named(wrapper, sentence):
    with pytest.raises(ConfigError) as raised:
        resolve(load_config(None, [f"environment.config.wrappers=[{wrapper}]"], {}), Catalog())
    assert str(raised.value) == f"environment.config.wrappers[0].{sentence}"


def test_wrong_settings_of_several_plugins_are_listed_together(catalog):
    message = resolving_error(catalog, ["algorithm.config.lr=0", "environment.config.idd=x"])
    assert message.startswith("2 settings are wrong:")


def test_a_plugin_that_is_missing_is_refused_before_any_settings(catalog):
    config = load_config(None, ["algorithm.name=sac", "environment.config.idd=x"], {})
    with pytest.raises(PluginError, match="no algorithm 'sac'"):
        resolve(config, catalog)


def test_settings_that_came_from_the_server_are_checked_with_that_origin(catalog):
    plugin = catalog.algorithm("dqn")
    assert check_part(plugin, {"lr": 2}, ("algorithm", "config"), "the server").lr == 2
    with pytest.raises(ConfigError, match=r"algorithm\.config\.lr: must be more than 0, but the server says -1"):
        check_part(plugin, {"lr": -1}, ("algorithm", "config"), "the server")
