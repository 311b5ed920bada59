import os
import shutil
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def files(root):
    """name -> content of each compose file."""
    found = [root / "compose.yaml", *(root / "compose").glob("*.yaml"), *(root / "compose/check").glob("*.yaml")]
    return {
        str(path.relative_to(root)): yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in found
        if path.name != "kustomization.yaml"
    }


@pytest.fixture(scope="session")
def program():
    """The path of a program. On a build server it must be there, elsewhere the test is left out."""

    def find(name):
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if found is None and os.environ.get("CI"):
            pytest.fail(f"{name} is not installed: apt-get install -y {name}")
        return found or pytest.skip(f"{name} is not installed")

    return find
