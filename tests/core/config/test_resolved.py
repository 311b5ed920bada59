"""A resolved configuration has every plugin's settings, and what is published of it holds no secret."""

import json

import pytest
import yaml

from soulsai_core.config import Config, config_schema, default_yaml, load_config, resolve


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_of_the_plugins_are_filled_in_and_their_objects_are_there(catalog):
    overrides = ["algorithm.config.lr=0.5", "connectors=[{name: json_file}]"]
    resolved = resolve(load_config(None, overrides, {}), catalog)
    assert (resolved.algorithm_config.lr, resolved.config.algorithm.config["lr"]) == (0.5, 0.5)
    assert resolved.config.algorithm.config["layers"] == [64, 64]
    assert resolved.environment_config.id == "LunarLander-v3"
    [(connector, settings)] = resolved.connectors
    assert (connector.name, settings.port, resolved.config.connectors[0].config) == ("json_file", 8000, {"port": 8000})


def test_public_settings_are_json_without_secrets(catalog):
    resolved = resolve(load_config(None, ["algorithm.config.api_key=top-secret"], {}), catalog)
    assert resolved.algorithm_config.api_key.get_secret_value() == "top-secret"
    text = json.dumps(resolved.public())
    assert "top-secret" not in text
    assert "api_key" not in text
    assert resolved.public()["algorithm"]["config"]["noise"] == {"scale": 0.5}


def test_public_settings_can_be_loaded_again_as_the_same_configuration(catalog, here):
    overrides = ["algorithm.config.lr=1e-9", "connectors=[{name: json_file}]", "run.name=again"]
    resolved = resolve(load_config(None, overrides, {}), catalog)
    (here / "config.json").write_text(json.dumps(resolved.public()))
    assert resolve(load_config(here / "config.json", (), {}), catalog).public() == resolved.public()


def test_the_default_file_has_exactly_the_defaults(catalog, here):
    (here / "config_d.yaml").write_text(default_yaml(catalog))
    from_file = resolve(load_config(None, (), {}), catalog)
    assert from_file.config == resolve(Config(), catalog).config


def test_the_default_file_is_read_the_same_by_any_yaml_reader(catalog):
    assert yaml.safe_load(default_yaml(catalog)) == resolve(Config(), catalog).public()


def test_the_default_file_explains_every_setting_and_names_the_choices(catalog):
    lines = default_yaml(catalog).splitlines()
    keys = [position for position, line in enumerate(lines) if line and not line.strip().startswith("#")]
    assert len(keys) > 40
    assert all(lines[position - 1].strip().startswith("#") for position in keys)
    assert "    # Loss of the error. One of: huber, mse." in lines
    assert "      # Spread of the noise." in lines
    assert max(map(len, lines)) <= 120


def test_the_default_file_can_be_made_for_another_algorithm(catalog):
    assert yaml.safe_load(default_yaml(catalog, ["algorithm.name=ppo"]))["algorithm"]["name"] == "ppo"


def test_the_schema_has_the_settings_of_every_installed_plugin(catalog):
    schema = json.loads(json.dumps(config_schema(catalog)))
    branches = {branch["properties"]["name"]["const"]: branch for branch in schema["properties"]["algorithm"]["anyOf"]}
    assert branches.keys() == {"dqn", "ppo"}
    assert (branches["dqn"]["required"], branches["ppo"]["required"]) == ([], ["name"])
    settings = schema["$defs"][branches["ppo"]["properties"]["config"]["$ref"].removeprefix("#/$defs/")]
    assert settings["properties"]["lr"]["description"] == "Learning rate."
    assert schema["properties"]["connectors"]["items"]["anyOf"][0]["properties"]["name"]["const"] == "json_file"


def test_every_reference_of_the_schema_has_its_definition(catalog):
    schema = config_schema(catalog)

    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = {reference.removeprefix("#/$defs/") for reference in references(schema)}
    assert found
    assert found <= schema["$defs"].keys()


def test_the_schema_leaves_out_plugins_that_cannot_be_used(catalog, site):
    site.add("algorithms", "broken", "acme", code="import nothing_of_that_name")
    branches = config_schema(site.catalog())["properties"]["algorithm"]["anyOf"]
    assert [branch["properties"]["name"]["const"] for branch in branches] == ["dqn", "ppo"]


def test_the_schema_without_plugins_has_the_settings_of_the_core_alone(site):
    schema = config_schema(site.catalog())
    assert schema["properties"]["algorithm"]["$ref"] == "#/$defs/Part"
