"""The same commands with PyPI's soulsgym and with its newest source, each in processes of its own.

    python -m benchmarks.souls.versions                      # installs the newest source into a temporary folder
    python -m benchmarks.souls.versions --newest FOLDER      # uses the folder that has its package `soulsgym`

Every command must do what it says or end with a sentence that says why not, and none with a traceback.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import Row, run_alone, say

COMMAND = "python -m benchmarks.souls.versions"
SOURCE = "soulsgym @ git+https://github.com/amacati/SoulsGym"

_TRAIN = ["-m", "soulsai_core", "train", "--no-telemetry", "--clients", "1", "--set", "training.stop.env_steps=2000"]
_REAL = """
import sys
from soulsai_core import EnvironmentFailure
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin
config = SoulsConfig(id=sys.argv[1])
print(next(iter(plugin.spec(config).observations.values())).shape, end=" ")
try:
    plugin.make(config, 0)
except EnvironmentFailure as failure:
    print(failure)
"""
COMMANDS = {
    "train --preset iudex-simulated": [*_TRAIN, "--preset", "iudex-simulated"],
    "train --preset vordt-simulated": [*_TRAIN, "--preset", "vordt-simulated"],
    "iudex-simulated, steps skipped": [
        *_TRAIN, "--preset", "iudex-simulated", "--set", "environment.config.skip_steps=true"
    ],
    "real SoulsGymIudex-v0": ["-c", _REAL, "SoulsGymIudex-v0"],
    "real SoulsGymIudexImg-v0": ["-c", _REAL, "SoulsGymIudexImg-v0"],
    "real SoulsGymVordt-v0": ["-c", _REAL, "SoulsGymVordt-v0"],
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code, the last line that it printed, and whether that ends a traceback."""

    code: int
    line: str
    traceback: bool

    def __str__(self) -> str:
        return f"{'**traceback**: ' if self.traceback else ''}{self.line.replace('|', '/')} (exit code {self.code})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--newest", type=Path, metavar="FOLDER", help="folder with the newest source's package")


def measure(args: argparse.Namespace) -> list[Row]:
    with _newest(args.newest) as folder:
        found = {name: [_run(command, None), _run(command, folder)] for name, command in COMMANDS.items()}
    print("| command | installed soulsgym | newest source |\n|---|---|---|")
    for name, outcomes in found.items():
        print(f"| `{name}` | {outcomes[0]} | {outcomes[1]} |")
    print()
    tracebacks = sum(outcome.traceback for outcomes in found.values() for outcome in outcomes)
    works = sum(outcome.code == 0 for _, outcome in found.values())
    return [
        Row("commands that end with a traceback", tracebacks, 0, "", COMMAND, at_most=True),
        Row("commands that work with the newest source", works, len(COMMANDS), "", COMMAND),
    ]


@contextmanager
def _newest(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory() as made:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", made, SOURCE]
        subprocess.run(install, check=True)
        yield Path(made)


def _run(command: list[str], before: Path | None) -> Outcome:
    """Run Python with these arguments, in an empty folder and with this folder before all other packages."""
    say(f"{'newest' if before else 'installed'}: {' '.join(command)[:80]}")
    path = [str(before)] if before else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    text = done.stdout.strip() or done.stderr.strip()
    if done.returncode:
        text = done.stderr.strip() or text
    lines = text.splitlines() or [""]
    said = next((line.strip() for line in lines if line.startswith("  Result")), lines[-1])
    return Outcome(done.returncode, said, "Traceback" in done.stderr)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
