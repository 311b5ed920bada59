"""Names in the Redis server that all users of a run share."""

from __future__ import annotations

SERVER = "server"
"""The user name of the training node and of the host's commands, on servers that have users."""

TELEMETRY = "telemetry"
"""The user name of telemetry, whose commands have a stream of their own."""


def prefix(run: str) -> str:
    """The beginning of all keys and channels of a run."""
    return f"soulsai:{run}:"
