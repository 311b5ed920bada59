"""An algorithm by another author, which knows only the public names, keeps the contract in a page of code."""

import ast
import sys
from pathlib import Path

import pytest

import soulsai_core
from soulsai_core.testing.algorithm import AlgorithmContract

SOURCE = Path(__file__).parent / "linear_q" / "linear_q.py"


@pytest.fixture(scope="module")
def linear_q():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SOURCE.parent)
        import linear_q

        yield linear_q
        del sys.modules["linear_q"]


class TestLinearQ(AlgorithmContract):
    @pytest.fixture
    def plugin(self, linear_q):
        return linear_q.plugin

    @pytest.fixture
    def config(self, linear_q):
        return linear_q.Config(features=20, rows=16, batches=2, warm_up=20)


def test_it_needs_a_page_of_code():
    assert len(SOURCE.read_text().splitlines()) <= 140


def test_it_knows_only_public_names():
    imports = [
        node for node in ast.walk(ast.parse(SOURCE.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    modules = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    names = {alias.name for node in imports if getattr(node, "module", "") == "soulsai_core" for alias in node.names}
    assert modules == {"__future__", "numpy", "pydantic", "soulsai_core"}
    assert names <= set(soulsai_core.__all__)
