"""The files of the stack, which are checked without running it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def without_tags(text):
    """The text of a compose file without `!override`, which only compose knows."""
    return text.replace("!override ", "")


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def files(root):
    """name -> content of each compose file."""
    found = [root / "compose.yaml", *(root / "compose").glob("*.yaml"), *(root / "compose/check").glob("*.yaml")]
    return {
        str(path.relative_to(root)): yaml.safe_load(without_tags(path.read_text(encoding="utf-8")))
        for path in found
        if path.name != "kustomization.yaml"
    }
