"""The process of `soulsai client`: connects to the server, and runs a client for one training after the other."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
import time
from contextlib import nullcontext, suppress

from soulsai_core.assembly.client import make_client, wait_for_announcement
from soulsai_core.cli.client.game_starter import GameStarter
from soulsai_core.cli.client.player_line import PlayerLine
from soulsai_core.cli.client.realtime import prepare_for_realtime
from soulsai_core.cli.connection import join_from
from soulsai_core.cli.contributors.contribution import log_contribution
from soulsai_core.cli.display import QuietConsole, progress_line, start_logging
from soulsai_core.cli.interrupts import on_interrupt
from soulsai_core.cli.waiting import wait_for_server, when_enter_is_pressed, when_parent_ends
from soulsai_core.client.client import Client
from soulsai_core.client.downlink import NEW_TRAINING
from soulsai_core.contracts import Transport
from soulsai_core.messages import Announcement
from soulsai_core.node.formatting import counted
from soulsai_core.plugins.catalog import Catalog

log = logging.getLogger("soulsai_core.client.client")


def _say_that_it_ends_at_once() -> None:
    """At the second interrupt. Written past all buffers: the process ends now."""
    with suppress(OSError, ValueError, AttributeError):  # there may be no terminal any more
        os.write(sys.stderr.fileno(), b"\nEnded at once; steps that were not sent yet are lost.\n")


class ClientProcess:
    """Runs `soulsai client` with its arguments."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._left = threading.Event()
        self._client: Client | None = None
        self._game_starter = GameStarter(args.start_game)
        self._console = QuietConsole(stderr=True)

    def run(self) -> int:
        """Play until the training ends or someone asks the client to leave. Returns the exit code."""
        start_logging(self._console)
        with on_interrupt(self.leave, _say_that_it_ends_at_once):
            if self._args.with_parent:
                when_parent_ends(self.leave)
            elif sys.stdin is not None and sys.stdin.isatty():
                log.info("Press Enter or Ctrl-C to leave.")
                when_enter_is_pressed(self.leave)
            transport = wait_for_server(lambda: join_from(self._args), self._left, self._args.wait)
            if transport is None:
                return 0
            try:
                while self._play(transport) == NEW_TRAINING and not self._left.is_set():
                    log.info("Another training has begun.")
            finally:
                transport.close()
        return 0

    def leave(self, reason: str) -> None:
        """Ask the client to finish its step, send its last rows and leave."""
        self._left.set()
        if self._client is not None:
            self._client.stop(reason)

    def _play(self, transport: Transport) -> str:
        """Play in one training. Returns why it ended."""
        announcement = wait_for_announcement(transport, lambda: not self._left.is_set())
        if announcement is None:
            return "left before the training began"
        catalog = Catalog()
        with catalog.calls.watched():
            return self._play_announced(announcement, transport, catalog)

    def _play_announced(self, announcement: Announcement, transport: Transport, catalog: Catalog) -> str:
        self._client = make_client(
            announcement, transport, catalog=catalog, seed=self._args.seed, start_game=self._game_starter
        )
        # `leave` may have come while the client was made, and had none to stop.
        if self._left.is_set():
            return "left before the training began"
        log.info("Joined %s as %s.", announcement.run_id, self._client.client)
        log_contribution(transport, self._client.client, time.time())
        if announcement.client["isolate"]:
            prepare_for_realtime()
        client = self._client
        # In a file or a pipe the lines of the log are enough.
        line = progress_line(self._console, PlayerLine(lambda: client.standing, time.monotonic))
        with line if self._console.is_terminal else nullcontext():
            reason = client.run()
        log.info("Left after %s: %s.", counted(self._client.env_steps, "step"), reason)
        log_contribution(transport, self._client.client, time.time())
        return reason
