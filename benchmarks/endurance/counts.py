"""Counts of one client's process that outlive it, however it ends: they lie in a file that is mapped into memory."""

from __future__ import annotations

import mmap
import os
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path

FOLDER = "ENDURANCE_COUNTS"
"""The environment variable that names the folder of these files. Without it nothing is counted."""

_NUMBERS = struct.Struct("<QQQQQ")


@dataclass(slots=True)
class Counts:
    """What one client did, or several together.

    Attributes:
        played: steps of the environment.
        sent: rows of messages that were sent, each message once, whether or not the server answered.
        reached: rows of those that the server has taken.
        ended: episodes that ended.
        reported: episode reports that the server has taken, each once.
    """

    played: int = 0
    sent: int = 0
    reached: int = 0
    ended: int = 0
    reported: int = 0


class KeptCounts:
    """The counts of this process, in a file of the folder that the environment variable names."""

    def __init__(self, folder: Path) -> None:
        path = folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        path.write_bytes(bytes(_NUMBERS.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _NUMBERS.size)
        self.counts = Counts()

    def keep(self) -> None:
        """Write the counts. What was written stays if this process is killed."""
        counts = self.counts
        _NUMBERS.pack_into(self._memory, 0, counts.played, counts.sent, counts.reached, counts.ended, counts.reported)


_of_this_process: list[KeptCounts] = []


def kept_counts() -> KeptCounts | None:
    """Those of this process, None if nothing is counted."""
    folder = os.environ.get(FOLDER)
    if folder and not _of_this_process:
        _of_this_process.append(KeptCounts(Path(folder)))
    return _of_this_process[0] if _of_this_process else None


def total(folder: Path) -> Counts:
    """The counts of all processes together."""
    sums = [0, 0, 0, 0, 0]
    for path in folder.iterdir():
        numbers = _NUMBERS.unpack(path.read_bytes())
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
    return Counts(*sums)
