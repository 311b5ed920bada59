"""From the folders of the distributions to sdists and wheels, with the build backend that is installed here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

LIMIT = 300.0


def distributions(root: Path) -> list[Path]:
    """The folders of all distributions, by name."""
    return [file.parent for file in sorted(root.glob("soulsai_*/pyproject.toml"))]


def build(sources: Iterable[Path], folder: Path) -> list[Path]:
    """Make an sdist of each source folder, and a wheel of each sdist; return the wheels.

    A wheel that is made of the sdist shows that nothing is missing there. Nothing is downloaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("soulsai_*.whl"), *folder.glob("soulsai_*.tar.gz")]:
        old.unlink()
    for source in sources:
        command = [
            sys.executable,
            "-m",
            "hatchling",
            "build",
            "--target",
            "sdist",
            "--directory",
            str(folder.resolve()),
        ]
        subprocess.run(command, cwd=source, check=True, timeout=LIMIT, stderr=subprocess.DEVNULL)
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    pip("wheel", *offline, "--wheel-dir", folder, *sorted(folder.glob("soulsai_*.tar.gz")))
    return sorted(folder.glob("soulsai_*.whl"))


def pip(*arguments: str | Path, python: Path | None = None) -> None:
    """Run pip for this environment, or for the one of `python`."""
    target = ["--python", python] if python else []
    command = [sys.executable, "-m", "pip", "--quiet", *target, *arguments]
    subprocess.run([str(word) for word in command], check=True, timeout=4 * LIMIT)
