"""Output that cannot be written, and errors of the system that no command explains."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from soulsai_core.cli import app, main
from soulsai_core.cli.menu import Command

PLACE = Path("some", "file")
FULL = Path("/dev/full")

PRINTING = """
import sys
from types import SimpleNamespace
from soulsai_core.cli import app
from soulsai_core.cli.menu import Command

def run(args):
    print("l\\xe4uft")
    return 0

module = SimpleNamespace(add_arguments=lambda parser: None, run=run)
app.menu = lambda chosen: [Command("dance", lambda: module, "dance")]
sys.exit(app.main(["dance"]))
"""


@pytest.fixture
def failing(monkeypatch):
    """(error) -> the exit code of a command that raises it."""

    def fail(error):
        def run(args):
            raise error

        module = type("Module", (), {"add_arguments": staticmethod(lambda parser: None), "run": staticmethod(run)})
        monkeypatch.setattr(app, "menu", lambda chosen: [Command("dance", lambda: module, "dance")])
        return main(["dance"])

    return fail


def printing(environ=None, **options):
    """What came of a process that prints a word with an umlaut."""
    environ = {**os.environ, "PYTHONUTF8": "0", **(environ or {})}
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([sys.executable, "-c", PRINTING], stderr=subprocess.PIPE, env=environ, **options)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EEXIST, errno.ENOSPC])
def test_error_of_the_system_is_a_sentence_with_its_path(failing, capsys, number):
    assert failing(OSError(number, os.strerror(number), str(PLACE))) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"soulsai: {PLACE} cannot be used: {os.strerror(number)}.")
    assert said.count("\n") == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), OSError("gone"), OSError()])
def test_error_of_the_system_without_a_path_is_a_sentence_too(failing, capsys, error):
    assert failing(error) == 1
    said = capsys.readouterr().err
    reason = error.strerror or str(error) or "OSError"
    assert said.startswith(f"soulsai: The system refused to read or write: {reason}.")


@pytest.mark.skipif(not FULL.exists(), reason="there is no file that is always full")
def test_full_output_is_a_sentence():
    with FULL.open("w") as full:
        ended = printing(stdout=full)
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == [
        f"soulsai: The system refused to read or write: {os.strerror(errno.ENOSPC)}. Is the disk full, or the output "
        "closed?"
    ]


@pytest.mark.skipif(os.name != "posix", reason="shells of POSIX close an output with >&-")
def test_closed_output_gets_nothing():
    ended = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, PRINTING], stderr=subprocess.PIPE, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_character_that_the_output_does_not_have_is_replaced():
    ended = printing({"PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, b"l\\xe4uft", b"")


def test_output_in_utf_8_is_unchanged():
    assert printing({"PYTHONIOENCODING": "utf8"}).stdout.decode().strip() == "läuft"
