"""The file with every setting is the models' own."""

from pathlib import Path

import pytest
import yaml

from soulsai_core.config import default_yaml, load_config, resolve
from soulsai_core.plugins.catalog import Catalog

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "compose" / "config" / "config_d.yaml"
EXAMPLES = ROOT / "docs" / "examples"


def test_committed_file_has_every_setting_with_its_default():
    """If this fails: soulsai config default > compose/config/config_d.yaml"""
    assert COMMITTED.read_text(encoding="utf-8") == default_yaml(Catalog())


def test_committed_file_says_what_no_file_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said, unsaid = (resolve(load_config(file, environ={}), Catalog()).public() for file in (COMMITTED, None))
    assert {**said, "telemetry": None} == {**unsaid, "telemetry": None}  # the telemetry node fills in its own part


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_example_differs_from_the_defaults_in_what_it_says(file):
    said = dict(leaves(yaml.safe_load(file.read_text(encoding="utf-8"))))
    used = dict(leaves(resolve(load_config(file, environ={}), Catalog()).public()))
    unsaid = dict(leaves(resolve(load_config(COMMITTED, environ={}), Catalog()).public()))
    assert {path: used.get(path) for path in said} == said
    assert {path for path in said if unsaid.get(path) != said[path]}


def leaves(settings, path=()):
    """((name or number, ...), value) of all that is neither mapping nor list."""
    parts = settings.items() if isinstance(settings, dict) else enumerate(settings)
    for name, value in parts:
        if isinstance(value, dict | list | tuple):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value
