"""After an outage: what waits is taken in before the first update, which would make it stale."""

from __future__ import annotations

from collections.abc import Callable, Collection

_PATIENCE_S = 5.0
"""Seconds in which a client must be heard, at first and again. Clients try to connect again every three seconds at
least, and what they kept follows at once."""

_LONGEST_S = 60.0
"""Seconds after which updates go on in any case: no client can hold them up."""


class Recovery:
    """Whether the learner waits, since clients still have rows from before the end of an outage.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._awaited: set[str] = set()
        self._node = ""
        self._begun = 0.0
        self._heard = 0.0

    def begin(self, clients: Collection[str], node: str) -> None:
        """An outage has ended, before which these clients were present.

        Args:
            node: the node's id since then. What clients sent before they heard of it tells nothing of what they keep.
        """
        self._awaited = set(clients)
        self._node = node
        self._begun = self._clock()
        self._heard = self._begun

    def received(self, client: str, waiting: int, node: str) -> None:
        """A message of a client was received.

        Args:
            waiting: rows of the outage that the client still has after this message.
            node: id of the node that the client had heard.
        """
        if client in self._awaited and node == self._node:
            self._heard = self._clock()
            if waiting == 0:
                self._awaited.discard(client)

    @property
    def lasts(self) -> bool:
        """Whether updates wait."""
        if not self._awaited:
            return False
        now = self._clock()
        # One that was killed or revoked while it sent is not waited for, either.
        if now - self._begun > _LONGEST_S or now - self._heard > _PATIENCE_S:
            self._awaited.clear()
        return bool(self._awaited)
