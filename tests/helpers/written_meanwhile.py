"""Looks at files that other processes replace meanwhile, such as the checkpoints of a training that goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")


def of_each_path(folder: Path, look: Callable[[Path], _T]) -> dict[Path, _T]:
    """Path -> what `look` returns, for the folder, its files and all its folders. Those that vanish are left out."""
    found = {}
    # Not by `rglob`, which raises where a folder vanishes.
    for parent, _, files in os.walk(folder):
        for path in (Path(parent), *(Path(parent) / file for file in files)):
            try:
                found[path] = look(path)
            except FileNotFoundError:
                continue
    return found
