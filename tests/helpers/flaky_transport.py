"""A transport that loses its server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from soulsai_core.contracts import Transport
from soulsai_core.errors import TransportError


class FlakyTransport:
    """A transport whose server can be away: every call then fails, and `refused` counts them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.client_prefix = transport.client_prefix
        self.away = False
        self.refused = threading.Semaphore(0)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._transport, name)

        def call(*args: Any, **options: Any) -> Any:
            if self.away:
                self.refused.release()
                raise TransportError("The server is away.")
            return method(*args, **options)

        return call
