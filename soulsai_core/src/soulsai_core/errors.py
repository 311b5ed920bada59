"""Errors whose message is a sentence for a person: what is wrong, where, and what to do instead."""

from __future__ import annotations


class SoulsAIError(Exception):
    """Base of all errors raised on purpose. The command line prints the message without a traceback and exits with
    2."""


class ConfigError(SoulsAIError):
    """A setting is unknown, has a wrong value, or does not work with another one."""


class PluginError(SoulsAIError):
    """A plugin is missing, broken, installed twice or built for another api_version."""


class SpaceError(SoulsAIError):
    """An algorithm does not support these observation or action spaces."""


class EnvironmentFailure(SoulsAIError):
    """An environment could not be made, or failed while stepping."""


class EnvironmentRaised(EnvironmentFailure):
    """An environment raised an error that is none of ours. It may be gone after a restart; if it comes again and again,
    it is a mistake in the environment, and the client gives up."""


class EnvironmentNotReady(EnvironmentFailure):
    """An environment does not work yet, and may work later without a change of the settings: the game is not running
    yet, or hangs. The client logs the message and tries again."""


class CheckpointError(SoulsAIError):
    """A checkpoint is missing, damaged, or belongs to another environment or algorithm."""


class TransportError(SoulsAIError):
    """The server cannot be reached, or the connection broke; trying again may help."""


class ServerFullError(TransportError):
    """The server closed a new connection at once, as it does while it has as many as it takes."""


class AccessError(SoulsAIError):
    """The server answered and refused: wrong password or missing rights; trying again does not help."""


class WireError(SoulsAIError):
    """A message does not fit the wire format.

    Attributes:
        reason: a short fixed label ("truncated", "checksum", "dtype" ...), under which the message is counted.
        client: the sender, "" if the message is too damaged to tell.
        number: the message's number among the client's, None if it is too damaged to tell.
        rows: number of rows that it claims to have, 1 if it is too damaged to tell.
    """

    def __init__(self, reason: str, detail: str, client: str = "", number: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.client = client
        self.number = number
        self.rows = 1
