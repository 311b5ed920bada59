"""Standard output and standard error as commands find them: closed, full, or unable to write a character."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path
from typing import Any


def make_usable() -> None:
    """Let whatever is printed be printable, also where a stream is closed or is not UTF-8.

    To be called first: the next file that is opened takes the number of a closed stream, and would get its output.
    """
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as the process
            setattr(sys, name, nowhere)
        elif hasattr(stream, "reconfigure") and not _is_utf8(stream.encoding):
            stream.reconfigure(errors="backslashreplace")


def give_up_output() -> None:
    """Let further output vanish: what could not be written is tried once more at exit, and would fail again."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # one that Python made, as tests do
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def file_problem(error: OSError) -> str:
    """A sentence on an error of the system that no command explains."""
    reason = error.strerror or str(error) or type(error).__name__
    paths = [os.fsdecode(path) for path in (error.filename, error.filename2) if isinstance(path, str | bytes | Path)]
    if not paths:
        return f"The system refused to read or write: {reason}. Is the disk full, or the output closed?"
    return f"{' and '.join(paths)} cannot be used: {reason}. Name another path, or change what may be done there."


def _is_utf8(encoding: str | None) -> bool:
    try:
        return codecs.lookup(encoding or "ascii").name == "utf-8"
    except LookupError:
        return False
