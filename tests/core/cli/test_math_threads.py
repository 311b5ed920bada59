"""Commands that act use one thread for linear algebra."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys
from soulsai_core.cli import main

class Noticed:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            sys.meta_path.remove(self)
            print(*(os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")), flush=True)

sys.meta_path.insert(0, Noticed())
main(sys.argv[1:])
"""
"""Runs a command, and prints the variables at the moment at which numpy, which reads them once, is imported."""

COMMANDS = [["client", "join", "nothing"], ["eval", "nothing"], ["play", "nothing"]]


@pytest.mark.parametrize(("given", "read"), [({}, "1 1"), ({"OPENBLAS_NUM_THREADS": "3"}, "1 3")])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_one_thread_is_asked_for_before_numpy_is_imported(command, given, read, tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *command],
        capture_output=True, text=True, check=True, cwd=tmp_path, env={**environ, **given},
    )  # fmt: skip
    assert done.stdout.splitlines()[:1] == [read], done.stderr
