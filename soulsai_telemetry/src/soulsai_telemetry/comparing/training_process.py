"""The process of a training that another command runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import IO

# CREATE_NEW_PROCESS_GROUP, which `subprocess` defines on Windows alone.
_NEW_GROUP_ON_WINDOWS = 0x200


def start_training(arguments: Sequence[str], output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start `soulsai train` with these arguments. It saves and stops when it is asked to terminate, and when this
    process ends, however it does.

    Args:
        output: a file for what it prints; None: where this process prints.
    """
    windows = sys.platform == "win32"
    return subprocess.Popen(
        [sys.executable, "-m", "soulsai_core", "train", *arguments, "--with-parent"],
        stdin=subprocess.PIPE,  # it closes with this process
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        # Ctrl-C reaches this process alone, which then asks the training: asked twice, it would end without saving.
        creationflags=_NEW_GROUP_ON_WINDOWS if windows else 0,
        start_new_session=not windows,
    )
