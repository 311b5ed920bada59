"""The events of a run in the log of its node."""

from __future__ import annotations

import logging
from pathlib import Path

from soulsai_core.hooks.hookspecs import hookimpl
from soulsai_core.messages import ClientInfo
from soulsai_core.node.formatting import counted

EVENTS = "soulsai_core.events"
"""Name of the logger, whose lines go to the file alone: the terminal shows the same in another form."""

log = logging.getLogger(EVENTS)


class RunLog:
    """Logs start, resume, clients, checkpoints and the end of a run."""

    @hookimpl
    def training_started(self, run: str, folder: Path, resumed: bool) -> None:
        log.info("The training %s %s in %s.", run, "goes on" if resumed else "starts", folder)

    @hookimpl
    def client_joined(self, client: ClientInfo) -> None:
        log.info("The client %s of %s has joined.", client.id, client.host)

    @hookimpl
    def client_lost(self, client: ClientInfo) -> None:
        log.info("The client %s is gone, after %s.", client.id, counted(client.env_steps, "step"))

    @hookimpl
    def checkpoint_saved(self, path: Path, iteration: int, kind: str) -> None:
        log.info("Checkpoint (%s) of iteration %s saved to %s.", kind, f"{iteration:,}", path)

    @hookimpl
    def training_stopped(self, reason: str) -> None:
        log.info("The training has ended: %s.", reason)
