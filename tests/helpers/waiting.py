"""Waiting for conditions, with deadlines for machines that are busy with much else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

DEADLINE_S = 180.0
"""Deadline of what takes a second or two on an idle machine, such as the start of a process that imports torch."""

_T = TypeVar("_T")


def wait_for(what: str, condition: Callable[[], _T], timeout: float = DEADLINE_S, pause: float = 0.05) -> _T:
    """The first truthy answer of `condition`, asked every `pause` seconds. Fails with `what` was waited for."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {timeout:g} s for {what}"
        time.sleep(pause)
    return answer


def free_port() -> int:
    """A TCP port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
