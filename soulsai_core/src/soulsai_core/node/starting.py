"""A node's first steps on the server, which are made again if the server is lost meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from soulsai_core.contracts import Transport
from soulsai_core.messages import Weights
from soulsai_core.node.changes import SettingChanges
from soulsai_core.node.lease import Lease
from soulsai_core.node.recovery import Recovery
from soulsai_core.node.roster import Roster
from soulsai_core.node.saving.resuming import Resuming, resume_on_server
from soulsai_core.node.state import RunState
from soulsai_core.threads import BackgroundWorker, T, outlast


class Starting:
    """To be used by the loop's thread.

    Args:
        transport, lease, changes, roster, recovery, resuming, state: of the same node.
        model: gives the learner's.
        keep_config: writes the configuration into the run's folder.
    """

    def __init__(
        self,
        transport: Transport,
        lease: Lease,
        changes: SettingChanges,
        roster: Roster,
        recovery: Recovery,
        resuming: Resuming,
        state: RunState,
        model: Callable[[], Weights],
        keep_config: Callable[[], object],
        rng: random.Random,
    ) -> None:
        self._transport = transport
        self._lease = lease
        self._changes = changes
        self._roster = roster
        self._recovery = recovery
        self._resuming = resuming
        self._state = state
        self._model = model
        self._keep_config = keep_config
        self._rng = rng

    def prepare_server(self, threads: Sequence[BackgroundWorker], node: str) -> None:
        """Take the lease, and bring the server into the state in which the training begins or goes on.

        Args:
            threads: those of the node, not yet started.
            node: the node's id.
        """
        self._outlast(lambda: self._prepare_server(threads, node))

    def backlog(self) -> int:
        """Messages that wait in the server."""
        return self._outlast(self._transport.backlog)

    def _outlast(self, work: Callable[[], T]) -> T:
        return outlast(work, self._rng, time.sleep, lambda: self._state.stop_reason is not None)

    def _prepare_server(self, threads: Sequence[BackgroundWorker], node: str) -> None:
        # Before anything is written to the server, where another node may train.
        self._lease.take(time.sleep)
        self._keep_config()
        for thread in threads:
            thread.prepare()
        if self._resuming.resumed:
            self._resuming.go_on_after(
                resume_on_server(self._transport, self._changes.announcement.run_id), self._model
            )
            present = [name for name, (age, _) in self._transport.roster().items() if age <= self._roster.timeout]
            self._recovery.begin(present, node)
        else:
            self._transport.clear()
        self._changes.announce()
