"""How commands are written that a person shall copy."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from soulsai_core.node.formatting import word


def program() -> str:
    """`soulsai` where the terminal finds this program by that name; otherwise its path, since the virtual environment
    in which it is was not activated."""
    ours = Path(sys.executable).with_name("soulsai.exe" if os.name == "nt" else "soulsai")
    found = shutil.which("soulsai")
    if not ours.is_file() or (found is not None and Path(found).samefile(ours)):
        return "soulsai"
    return word(shown_path(ours))


def shown_path(path: Path) -> str:
    """The path from the working folder, if it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def shown_run(folder: Path) -> str:
    """The run as a word of a command: its name if it lies below `saves` here, otherwise its path."""
    path = shown_path(folder)
    return word(folder.name if path.startswith(f"saves{os.sep}") else path)
