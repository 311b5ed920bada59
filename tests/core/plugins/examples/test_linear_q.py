"""The example algorithm keeps the contract, in a page of code that uses public names alone."""

import ast
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import soulsai_core
from soulsai_core.plugins.examples import linear_q
from soulsai_core.testing.algorithm import AlgorithmContract

SOURCE = Path(linear_q.__file__).read_text(encoding="utf-8")


class TestLinearQ(AlgorithmContract):
    @pytest.fixture
    def plugin(self):
        return linear_q.plugin

    @pytest.fixture
    def config(self):
        return linear_q.Config(features=20, rows=16, batches=2, warm_up=20)


def test_it_needs_a_page_of_code():
    assert len(SOURCE.splitlines()) <= 150


def test_it_uses_only_public_names():
    imports = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    names = {alias.name for node in imports if getattr(node, "module", "") == "soulsai_core" for alias in node.names}
    assert modules == {"__future__", "numpy", "pydantic", "soulsai_core"}
    assert names <= set(soulsai_core.__all__)


def test_it_is_registered_nowhere_by_default():
    assert not entry_points(group="soulsai.algorithms", name="linear_q")
