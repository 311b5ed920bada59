"""Starts the embedded server again when it was killed, as by the kernel when memory is short."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from soulsai_core.cli.background import in_background
from soulsai_core.errors import SoulsAIError
from soulsai_core.transport.embedded import EmbeddedServer

log = logging.getLogger(__name__)

# Seconds between two looks.
_INTERVAL = 0.5


@contextmanager
def kept_running(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """While the block runs, a server that ended is started again. It is empty then: the training node publishes what
    clients need, and these send again what was lost."""

    def watch(ended: threading.Event) -> None:
        said = ""
        while not ended.wait(_INTERVAL):
            try:
                if server.restart_if_ended():
                    log.warning("The server was killed. It was started again; clients send again what it has lost.")
                    said = ""
            except (SoulsAIError, OSError) as error:
                if str(error) != said:
                    log.error("The server was killed and cannot be started again: %s", error)
                said = str(error)

    with in_background("server-watch", watch):
        yield server
