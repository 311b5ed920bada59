"""Commands that the telemetry node sends to the training node: "save_best" and "quicksave"."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from soulsai_core import SoulsAIError
from soulsai_core.app import UNREADABLE, Command, Reply, Transport

# Seconds to wait for the answer. The node takes commands between two updates, which may be long.
_TIMEOUT = 60.0


class SendCommand(Protocol):
    """Sends a command to the training node and waits for its answer. A failure is an answer, too."""

    def __call__(self, name: str, options: Mapping[str, Any] = {}) -> Reply: ...


def command_sender(transport: Transport) -> SendCommand:
    """Sends commands over this transport."""

    def send(name: str, options: Mapping[str, Any] = {}) -> Reply:
        command = Command(uuid.uuid4().hex, name, dict(options))
        try:
            answer = transport.command(command.id, msgspec.json.encode(command), _TIMEOUT)
            if answer is None:
                return Reply(command.id, False, f"No training node answered within {_TIMEOUT:g} s.")
            return msgspec.json.decode(answer, type=Reply)
        except (SoulsAIError, *UNREADABLE) as error:
            return Reply(command.id, False, str(error))

    return send
