"""Errors whose message is a sentence for a person: what, where, and what instead."""

from __future__ import annotations


class SoulsAIError(Exception):
    """Base of everything we raise on purpose; the command line prints its message and exits with 2."""


class ConfigError(SoulsAIError):
    """A setting is unknown, mistyped or cannot work with another one."""


class PluginError(SoulsAIError):
    """A plugin is missing, broken, installed twice or built for another api_version."""


class SpaceError(SoulsAIError):
    """An algorithm cannot serve these observation or action spaces."""


class EnvironmentFailure(SoulsAIError):
    """An environment could not be made, or failed while stepping."""


class EnvironmentNotReady(EnvironmentFailure):
    """An environment does not work yet, and may do so later without a change to the settings: the game is not running
    yet, or hangs. A client tells the player and tries again."""


class CheckpointError(SoulsAIError):
    """A checkpoint is missing, damaged, or belongs to another environment or algorithm."""


class TransportError(SoulsAIError):
    """The server could not be reached, or the connection broke; trying again may help."""


class AccessError(SoulsAIError):
    """The server answered and refused: wrong password or missing rights; trying again does not help."""


class WireError(SoulsAIError):
    """A message does not fit the wire format.

    Attributes:
        reason: a short fixed label ("truncated", "checksum", "dtype" ...), under which it is counted.
        client: who sent it, "" where the message is too damaged to tell.
        number: the message's number among the client's, None where it is too damaged to tell.
        rows: that it claims to have, 1 where it is too damaged to tell.
    """

    def __init__(self, reason: str, detail: str, client: str = "", number: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.client = client
        self.number = number
        self.rows = 1
