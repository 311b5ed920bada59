"""After an outage: what waits is taken in before the first update, which would make it stale."""

from __future__ import annotations

from collections.abc import Callable, Collection

_PATIENCE_S = 5.0
"""Seconds in which a client must be heard. Clients try to connect again every three seconds at least."""

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
        self._heard: set[str] = set()
        self._node = ""
        self._begun = 0.0

    def begin(self, clients: Collection[str], node: str) -> None:
        """An outage has ended, before which these clients were present.

        Args:
            node: the node's id since then. What clients sent before they heard of it tells nothing of what they keep.
        """
        self._awaited = set(clients)
        self._heard = set()
        self._node = node
        self._begun = self._clock()

    def received(self, client: str, waiting: int, node: str) -> None:
        """A message of a client was received.

        Args:
            waiting: rows of the outage that the client still has after this message.
            node: id of the node that the client had heard.
        """
        if client in self._awaited and node == self._node:
            self._heard.add(client)
            if waiting == 0:
                self._awaited.discard(client)

    @property
    def lasts(self) -> bool:
        """Whether updates wait."""
        if not self._awaited:
            return False
        seconds = self._clock() - self._begun
        if seconds > _LONGEST_S or (seconds > _PATIENCE_S and not self._awaited & self._heard):
            self._awaited.clear()
        return bool(self._awaited)
