"""A page that cannot be opened is told: before a training by `soulsai doctor`, and in one by its folder."""

import argparse

import pytest

from soulsai_core.app import Observers
from soulsai_core.cli import main
from soulsai_telemetry.config import PageSettings, TelemetryConfig
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.plugin import plugin
from soulsai_telemetry.telemetry_process import TelemetryProcess


def with_token_in(file, **page):
    return TelemetryConfig(page=PageSettings(token_file=str(file), **page))


def test_run_folder_says_why_there_is_no_page_for_as_long_as_it_is_left_out(training, tmp_path):
    process = TelemetryProcess(argparse.Namespace())
    process._settings = with_token_in(tmp_path / "nix.secret")
    node = training.node()
    note = node.view.folder.no_page
    with process._page(node, Observers(specs=TelemetrySpecs)) as page:
        assert page is None and not node.view.folder.page.exists()
        assert "token_file" in note.read_text() and "nix.secret cannot be read" in note.read_text()
    assert not note.exists()


@pytest.mark.parametrize("content", [None, "", "short"])
def test_file_of_a_token_that_cannot_be_used_is_a_problem_before_the_start(tmp_path, monkeypatch, capsys, content):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "nix.secret").write_text(content)
    assert main(["config", "check", "--set", "telemetry.config.page.token_file=nix.secret"]) == 2
    assert "telemetry.config.page.token_file: nix.secret" in capsys.readouterr().out


def test_file_of_a_token_is_not_looked_at_where_there_is_no_page(tmp_path):
    plugin.check(with_token_in(tmp_path / "nix.secret", enabled=False))
