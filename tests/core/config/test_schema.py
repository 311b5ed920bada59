"""The schema by which editors complete settings accepts what is valid, and nothing else."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from soulsai_core import Catalog
from soulsai_core.config import config_schema, default_yaml
from soulsai_core.config.schema import SCHEMA_COMMENT

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def validator():
    schema = config_schema(Catalog())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_default_file_is_valid_and_names_the_schema_in_its_first_line(validator):
    text = default_yaml(Catalog())
    assert text.splitlines()[0] == SCHEMA_COMMENT == "# yaml-language-server: $schema=config.schema.json"
    assert not list(validator.iter_errors(yaml.safe_load(text)))


@pytest.mark.parametrize("file", sorted([*ROOT.glob("docs/examples/*.yaml"), *ROOT.glob("compose/config/*.yaml")]))
def test_files_of_this_repository_are_valid(validator, file):
    assert not list(validator.iter_errors(yaml.safe_load(file.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    "settings",
    [
        {"algorithm": {"config": {"network": {"name": "nature_cnn", "config": {"channels": [8, 16, 16]}}}}},
        {"algorithm": {"config": {"network": {"name": "auto"}}}},
        {"environment": {"config": {"wrappers": [{"name": "clip_reward", "config": {"low": -2}}]}}},
    ],
)
def test_settings_of_plugins_of_plugins_are_known(validator, settings):
    assert not list(validator.iter_errors(settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"trainings": {}},
        {"algorithm": {"name": "none_of_that_name"}},
        {"algorithm": {"config": {"network": {"name": "nature_cnn", "config": {"chanels": [8, 16, 16]}}}}},
        {"algorithm": {"config": {"network": {"name": "none_of_that_name"}}}},
        {"environment": {"config": {"wrappers": [{"name": "clip_reward", "config": {"lowest": -2}}]}}},
    ],
)
def test_wrong_names_are_marked(validator, settings):
    assert list(validator.iter_errors(settings))
