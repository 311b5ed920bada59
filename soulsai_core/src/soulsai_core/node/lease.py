"""The lease of a run in the server, so that two nodes never train one run there."""

from __future__ import annotations

import logging
import os
import platform
import uuid
from collections.abc import Callable

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import UNREADABLE
from soulsai_core.node.state import RunState

log = logging.getLogger(__name__)

LEASE_SECONDS = 8.0
"""Seconds after which the lease of a node that was killed lapses."""

PATIENCE_SECONDS = 10.0
"""Seconds that a new node waits for the lease. Longer than it lives, so that only a running node is in the way."""

_PAUSE = 0.25
"""Seconds between two attempts to take it."""


class Holder(msgspec.Struct, frozen=True):
    """The node that holds a lease. Its token tells it from others in the same process."""

    run_id: str
    host: str
    process: int
    token: str


class Lease:
    """This node's lease.

    Args:
        run_id: of this node's run, whose folder it holds: another node of the same run must have ended.
        clock: monotonic seconds.
    """

    def __init__(self, transport: Transport, run_id: str, state: RunState, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._run_id = run_id
        self._state = state
        self._clock = clock
        holder = Holder(run_id, platform.node() or "an unnamed machine", os.getpid(), uuid.uuid4().hex[:8])
        self._payload = msgspec.json.encode(holder)

    def take(self, pause: Callable[[float], object]) -> None:
        """Take the lease, waiting for one that may lapse. Raises SoulsAIError if another node keeps its own.

        Args:
            pause: waits for the given seconds.
        """
        deadline = self._clock() + PATIENCE_SECONDS
        said = False
        while (found := self._transport.take_lease(self._payload, LEASE_SECONDS)) is not None:
            holder = _read(found[0])
            if holder is not None and holder.run_id == self._run_id:
                self._transport.take_lease(self._payload, LEASE_SECONDS, force=True)
                return
            if self._state.stop_reason is not None:
                self._state.replaced = True
                raise SoulsAIError(f"The training ended before it began: {self._state.stop_reason}.")
            if self._clock() >= deadline:
                self._state.replaced = True
                raise SoulsAIError(
                    f"{_described(holder)} already trains on this server under the same run.name, and reported "
                    f"{found[1]:.1f} s ago: stop it, or choose another run.name."
                )
            if not said:
                log.warning("%s holds this run.name; waiting up to %g s for it.", _described(holder), PATIENCE_SECONDS)
            said = True
            pause(_PAUSE)

    def renew(self) -> bool:
        """Renew the lease. False, and the training ends, if another node has taken it."""
        if self._state.replaced:
            return False
        found = self._transport.take_lease(self._payload, LEASE_SECONDS)
        if found is None:
            return True
        self._state.replaced = True
        self._state.stop(f"{_described(_read(found[0]))} has taken over the run.name on this server")
        return False

    def release(self) -> None:
        """Give it back at the end."""
        self._transport.release_lease(self._payload)


def _read(payload: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(payload, type=Holder)
    except UNREADABLE:
        return None


def _described(holder: Holder | None) -> str:
    if holder is None:
        return "A training node of another version"
    return f"A training node (process {holder.process} on {holder.host:.100}, run {holder.run_id:.100})"
