"""The player's own program that brings back a game."""

import sys

from waiting import wait_for

from soulsai_core.cli.client.game_starter import GameStarter


def test_program_is_run_without_a_shell_and_not_again_within_minutes(tmp_path):
    now = [0.0]
    written = tmp_path / "a file; echo"
    program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('started')"
    start = GameStarter([sys.executable, "-c", program, str(written)], clock=lambda: now[0])
    assert start() and not start()
    wait_for("the program", lambda: written.exists() and written.read_text() == "started")
    now[0] = 301.0
    assert start()


def test_no_program_and_one_that_is_missing_do_nothing(caplog):
    assert not GameStarter([])()
    assert not GameStarter(["/nowhere/start-game"])()
    assert "cannot be run" in caplog.text
