"""The file with every setting, and the example configurations of the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from soulsai_core.config import default_yaml, load_config, resolve
from soulsai_core.plugins.catalog import Catalog

ROOT = Path(__file__).parents[2]
DEFAULTS = ROOT / "compose" / "config" / "config_d.yaml"
EXAMPLES = ROOT / "docs" / "examples"


def test_file_of_defaults_has_every_setting_with_its_default():
    """If this fails: soulsai config default > compose/config/config_d.yaml"""
    assert DEFAULTS.read_text(encoding="utf-8") == default_yaml(Catalog())


def test_file_of_defaults_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with_file = resolve(load_config(DEFAULTS, environ={}), Catalog()).public()
    without = resolve(load_config(None, environ={}), Catalog()).public()
    # The telemetry node completes its own part.
    assert {**with_file, "telemetry": None} == {**without, "telemetry": None}


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_is_in_force_and_differs_from_the_defaults(file):
    chosen = dict(leaves(yaml.safe_load(file.read_text(encoding="utf-8"))))
    in_force = dict(leaves(resolve(load_config(file, environ={}), Catalog()).public()))
    defaults = dict(leaves(resolve(load_config(DEFAULTS, environ={}), Catalog()).public()))
    assert {path: in_force.get(path) for path in chosen} == chosen
    assert {path for path in chosen if defaults.get(path) != chosen[path]}


def leaves(settings, path=()):
    """((name or number, ...), value) of all that is neither mapping nor list."""
    parts = settings.items() if isinstance(settings, dict) else enumerate(settings)
    for name, value in parts:
        if isinstance(value, dict | list | tuple):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value
