"""The file with every setting is the models' own."""

from pathlib import Path

import pytest

from soulsai_core.catalog import Catalog
from soulsai_core.config import default_yaml, load_config, resolve

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
def test_example_has_settings_that_there_are(file):
    resolve(load_config(file, environ={}), Catalog())
