"""The Python code of the pages runs, and the plugins that it shows are plugins."""

import importlib
import re
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points

import pytest
from tests.docs import pages

from soulsai_core import Catalog
from soulsai_core.cli.menu import menu

RUN_ELSEWHERE = {"docs/python.md": "tests/integration/test_python.py"}
"""Pages whose code is run by another test, since it starts a server and trains."""

WITH_CODE = [page for page in pages.PAGES if pages.blocks(page, "python") and pages.name(page) not in RUN_ELSEWHERE]


@pytest.mark.parametrize("page", WITH_CODE, ids=pages.name)
def test_code_of_a_page_runs_in_its_order(page, folder, tmp_path, monkeypatch):
    """Blocks that are files are imported, all others run in one namespace."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for block in pages.blocks(page, "python"):
        if (block.module or "").startswith("test_"):
            continue
        if block.module:
            importlib.import_module(block.module)
        else:
            source = "\n" * (block.line - 1) + block.text
            exec(compile(source, pages.name(page), "exec"), names)


@pytest.mark.parametrize(("page", "test"), RUN_ELSEWHERE.items())
def test_code_that_trains_is_run_by_another_test(page, test):
    assert page in (pages.ROOT / test).read_text(encoding="utf-8").replace('" / "', "/")


def test_tests_that_the_pages_show_pass(folder):
    """All of them in one process, as an author would run them."""
    shown = sorted(file.stem for file in folder.glob("test_*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--rootdir=.", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = {re.split(r"[ .]", line)[1] for line in done.stdout.splitlines() if line.startswith("PASSED ")}
    assert len(shown) >= 6 and passed == set(shown)


@pytest.mark.parametrize("point", pages.entry_points(), ids=lambda point: point[1])
def test_entry_point_leads_to_what_its_group_asks_for(point, folder):
    group, name, value = point
    found = EntryPoint(name, value, group)
    if group == "soulsai.commands":
        command = next(command for command in menu(name, lambda: [found]) if command.name == name)
        assert command.help == command.module().HELP
        return
    rows = Catalog(lambda asked: [found] if asked == group else []).listing()
    assert [(row.name, row.error) for row in rows] == [(name, None)]


def test_every_group_of_plugins_has_a_whole_example():
    """Except for telemetry, of which there is one."""
    installed = {group for group in entry_points().groups if group.startswith("soulsai.")}
    assert {group for group, *_ in pages.entry_points()} == installed - {"soulsai.telemetry"}


def test_example_of_a_connector_rings(folder, capsys):
    bell = importlib.import_module("bell")
    from soulsai_telemetry import BestScore

    connector = bell.plugin.make(bell.Config(above=1), None)
    connector.best_found(BestScore("return", 0.5, 2, 20, 1, 0.0))
    connector.best_found(BestScore("return", 4.5, 3, 30, 1, 0.0))
    assert capsys.readouterr().out == "\areturn 4.5 at episode 3\n"


def test_example_of_a_command_counts(folder, tmp_path, capsys):
    command = importlib.import_module("count_episodes")
    (tmp_path / "episodes.jsonl").write_text("{}\n{}\n")
    parser = command.argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args([str(tmp_path)])) == 0
    assert capsys.readouterr().out == "2\n"
