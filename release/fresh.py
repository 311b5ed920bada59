"""New virtual environments that know nothing of the sources, and programs that run in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = re.compile(r"_?_?(editable_*)?soulsai|linear_q|pip\b")
"""What an environment with links has not: our own distributions, plugins of the tests, and pip."""


def make(folder: Path) -> Path:
    """Make an empty environment; return its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def make_linked(folder: Path, without: str = "$^") -> Path:
    """Make an environment with links to everything of others that is installed here; return its folder of programs.

    Args:
        folder: where the environment and the links go.
        without: a pattern; names that begin with it are left out, too.
    """
    programs = make(folder / "venv")
    others = folder / "others"
    others.mkdir()
    for installed in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(installed).iterdir():
            if entry.suffix != ".pth" and not LEFT_OUT.match(entry.name) and not re.match(without, entry.name):
                (others / entry.name).symlink_to(entry)
    [site] = (folder / "venv").glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{others}\n", encoding="utf-8")
    return programs


def run(program: Path, *arguments: str, folder: Path, code: int = 0, limit: float = 120.0) -> str:
    """What a program prints in `folder`, without variables that would lead it back to the sources.

    Raises AssertionError with all that it printed if it ends with another code.
    """
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SOULSAI_", "VIRTUAL"))
    }
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=clean, capture_output=True, text=True, timeout=limit, check=False
    )
    if done.returncode != code:
        raise AssertionError(f"{program.name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
