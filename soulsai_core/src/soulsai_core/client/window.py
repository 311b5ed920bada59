"""The messages that the node has not acknowledged: how many rows may be added to them, and which are sent next."""

from __future__ import annotations

import itertools
import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from soulsai_core.client.chunks import Chunk, Message
from soulsai_core.steps import StepBatch

log = logging.getLogger(__name__)

# Seconds without new progress after which the node counts as away. It repeats its progress every two seconds.
_SILENCE_S = 7.0

# Seconds after which messages that the node does not acknowledge are sent again, although it sends progress.
_PATIENCE_S = 10.0

# Seconds until a message is sent again that the node has refused, at first. They double until one is acknowledged.
_FIRST_PAUSE_S = 0.5

# How often messages are sent again before the oldest of them is given up: something keeps it from ever being taken in.
_MOST_ATTEMPTS = 5


class Window:
    """Keeps each message until the node has taken it in, so that what is lost on its way can be sent again.

    The node takes in a client's messages in the order of their numbers, each once: it recognizes repeats, and refuses a
    message while one before it is missing. Whenever messages may be lost, they are sent again from the oldest one on:
    after the connection broke, for another node, after a refusal, and when nothing was acknowledged for long.

    The client waits once the node's window is full, so that it makes no rows that would be stale. While the server or
    the node is away, no model is made either: the client then goes on until `capacity` messages wait.

    Thread-safe: the client's thread adds messages, the uplink's sends them, the downlink's acknowledges them.

    Args:
        limited: False lets the client go on whatever waits (the setting "drop"): beyond the capacity the oldest message
            is dropped, which would be the first to be stale.
        capacity: messages that are kept.
        step_rows: rows that one time step may have. A message that was never sent, and has more rows than these and
            than the node's window, is split: it was made while the server was away.
        clock: monotonic seconds.
        direct: the client appends to the run's own stream, so that what it sends waits in the server for a node that is
            away. The messages of contributors are held to the window by the node.

    Attributes:
        size: rows that the node allows under way.
        rows: in all messages that are kept.
        dropped: rows that were given up unsent, or that the node never took in.
    """

    def __init__(
        self,
        *,
        limited: bool,
        capacity: int,
        clock: Callable[[], float],
        step_rows: int = 256,
        direct: bool = True,
    ) -> None:
        self.size = 1
        self.rows = 0
        self.dropped = 0
        self._limited = limited
        self._capacity = capacity
        self._step_rows = step_rows
        self._direct = direct
        self._kept: Callable[[], int] = int
        self._on_return: Callable[[], object] = int
        self._clock = clock
        # One lock for all counters: three threads change them, and each waits for what another one does.
        self._changed = threading.Condition()
        self._messages: deque[Message] = deque()
        self._number = 0
        self._next = 1  # number of the message to send next
        self._sent = 0  # largest number that was ever sent
        self._given = 0  # largest number that was ever given to the server, also if it did not answer
        self._sending = 0  # largest number that is being sent
        self._dropped_while_sending = 0  # rows, which are dropped only if they do not arrive
        self._attempt = 0
        self._attempts_since_acknowledged = 0
        self._node = ""
        self._lost: set[str] = set()  # the threads that have lost the server
        self._heard = clock()
        self._fetching = False
        self._last_progress = clock()
        self._begin_again_at = math.inf

    def connect(self, kept: Callable[[], int], on_return: Callable[[], object]) -> None:
        """To be called once.

        Args:
            kept: gives the rows that were recorded while the server was away, and are no message yet.
            on_return: called when the server and the node are there again; in any thread.
        """
        self._kept = kept
        self._on_return = on_return

    # -- the client's thread

    def add(self, batch: StepBatch) -> None:
        """Keep these rows as one message until it is taken in. The arrays must not change afterwards."""
        with self._changed:
            # Patience begins with the oldest message. Without one, the node has nothing to acknowledge.
            if not self._messages:
                self._last_progress = self._clock()
            self._number += 1
            self._messages.append(Message(self._number, batch))
            self.rows += len(batch)
            if not self._limited and len(self._messages) > self._capacity:
                self._drop_oldest()
            self._changed.notify_all()

    @property
    def room(self) -> float:
        """Rows that may be added; any number while there are none, since a step of more environments than the window
        has rows could never be sent otherwise.

        Read without the lock: only the client's thread adds rows. What the other threads change meanwhile makes more
        room, or is a smaller window, which holds from the next look on.
        """
        if not self._limited or not self.rows:
            return math.inf
        if len(self._messages) >= self._capacity:
            return 0
        return math.inf if self.away else self.size - self.rows

    @property
    def away(self) -> bool:
        """Whether the server or the node is away, so that nothing is taken in and no model is made."""
        return bool(self._lost) or self._silent

    @property
    def silence(self) -> float:
        """Seconds since the node was heard."""
        return self._clock() - self._heard

    @property
    def _silent(self) -> bool:
        return self.silence > _SILENCE_S and not self._fetching

    @property
    def full(self) -> bool:
        """Whether the client waits since as many messages are kept as may be."""
        return self._limited and len(self._messages) >= self._capacity

    def has_room(self, rows: int) -> bool:
        """Whether this many rows may be added."""
        return rows <= self.room

    def wait_for_room(self, rows: int, timeout: float) -> bool:
        """Block until there is room for this many rows; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.has_room(rows), timeout)

    @property
    def unsent_rows(self) -> int:
        """Rows of the messages that were not sent, or are to be sent again."""
        with self._changed:  # a lock that the same thread may take again
            return self.rows - self._under_way()

    def wait_until_acknowledged(self, timeout: float) -> bool:
        """Block until the node has taken in all messages; False after `timeout` seconds, or if the node is away."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._messages or self.away, timeout) and not self._messages

    # -- the uplink's thread

    def next_chunk(self, count: int, max_bytes: int, *, last: bool = False) -> Chunk | None:
        """The next messages to send: at most `count`, and one or about `max_bytes` of arrays. None if all were sent.

        Args:
            last: the client leaves, so that nothing waits for room in the node's window, unless the node holds the
                client to it: what is beyond would be rejected, and taken for a flood.
        """
        with self._changed:
            if self._clock() >= self._begin_again_at:
                self._begin_again(blamed=True)
            self._split_next()
            chosen: list[Message] = []
            size = 0
            # Nothing of the chunk before is on its way any more: it would have been reported as sent.
            self.dropped += self._dropped_while_sending
            self._dropped_while_sending = 0
            under_way = self._under_way()
            waiting = self.rows - under_way + self._kept()
            for message in itertools.islice(self._messages, self._sent_and_kept(), None):
                rows = len(message.batch)
                size += message.nbytes
                if chosen and (len(chosen) == count or size > max_bytes):
                    break
                if not ((last and self._direct) or self._fits(under_way, rows)):
                    break
                under_way += rows
                waiting -= rows
                chosen.append(message)
            self._sending = chosen[-1].number if chosen else 0
            self._given = max(self._given, self._sending)
            return (
                Chunk(tuple(chosen), self._messages[0].number, self._attempt, waiting, self._node) if chosen else None
            )

    def sent(self, chunk: Chunk) -> None:
        """The server has these messages."""
        with self._changed:
            last = chunk.messages[-1].number
            self._sent = max(self._sent, last)
            self._sending = 0
            self._dropped_while_sending = 0
            # If it was decided meanwhile to begin again, these are sent again, too.
            if chunk.attempt == self._attempt:
                self._next = last + 1

    def wait_for_messages(self, stopping: Callable[[], bool], timeout: float) -> None:
        """Block until there is something to send, or `wake` is called; `timeout` seconds at most."""
        with self._changed:
            at = self._begin_again_at
            until = min(timeout, max(at - self._clock(), 0.0))
            self._changed.wait_for(lambda: self._may_send() or stopping() or self._begin_again_at < at, until)

    def wait_for_room_to_send(self, timeout: float) -> bool:
        """Block until another message may be sent; False after `timeout` seconds, if none waits, or if the node is
        away."""
        with self._changed:
            self._changed.wait_for(lambda: self._may_send() or self.away or not self.unsent_rows, timeout)
            return self._may_send()

    def wake(self) -> None:
        """End all waits, to let them look at what they wait for."""
        with self._changed:
            self._changed.notify_all()

    def connection_lost(self, link: str) -> None:
        """A thread has lost the server: what was sent may be lost, whether or not it arrived."""
        with self._changed:
            if not self._lost:
                log.info("Playing on meanwhile: up to %d messages of steps are kept.", self._capacity)
            self._lost.add(link)
            self._begin_again()
            self._changed.notify_all()

    def connection_back(self, link: str) -> None:
        """The thread has found the server again. The node's silence counts from now on."""
        with self._changed:
            self._lost.discard(link)
            if not self._lost:
                log.info("%s steps that waited are being sent.", f"{self.rows:,}")
            self._heard = self._last_progress = self._clock()
            self._changed.notify_all()
        if not self._lost:
            self._on_return()

    # -- the downlink's thread

    def heard(self) -> None:
        """The node has published something, so it is there."""
        # Without the lock: this thread alone hears the node, and a float is replaced in one step.
        was_away = self.away
        self._heard = self._clock()
        if was_away and not self.away:
            self._on_return()

    @contextmanager
    def fetching(self) -> Iterator[None]:
        """While the block runs the node is not silent: what it published is on its way, which may take long."""
        self._fetching = True
        try:
            yield
            self._heard = self._clock()
        finally:
            self._fetching = False

    def acknowledged(
        self, node: str, number: int, window: int, *, refused: int | None = None, busy: bool = False
    ) -> None:
        """The node has taken in this client's messages up to `number`, and allows `window` rows under way.

        Args:
            node: its id. Another node, or the same one after the server lost its memory, begins anew.
            refused: the attempt with which a message came that was refused, since one before it is missing.
            busy: the node has not looked at messages since the last time.
        """
        with self._changed:
            before = len(self._messages)
            while self._messages and self._messages[0].number <= number:
                self.rows -= len(self._messages.popleft().batch)
            # `min`: a number that this client has not reached must not make it skip messages.
            self._next = max(self._next, min(number, self._number) + 1)
            if len(self._messages) < before:
                self._last_progress = self._clock()
                self._attempts_since_acknowledged = 0
            if node != self._node:
                self._node = node
                self._begin_again()
            elif refused == self._attempt:
                self._begin_again_soon()
            elif not busy and self._waits_for_answer() and self._clock() - self._last_progress > _PATIENCE_S:
                log.info("The node has acknowledged nothing for %g s; sending again what it lacks.", _PATIENCE_S)
                self._begin_again(blamed=True)
            self.size = window
            self._changed.notify_all()

    # -- with the lock

    def _sent_and_kept(self) -> int:
        """Number of messages that were sent and not acknowledged. They lie before those that were not sent."""
        return max(self._next - self._messages[0].number, 0) if self._messages else 0

    def _split_next(self) -> None:
        """Split the message to send next if it is too large for the node's window, and number anew those behind it."""
        index = self._sent_and_kept()
        if not self._limited or index >= len(self._messages):
            return
        message = self._messages[index]
        most = max(self.size, self._step_rows)
        # One that may have arrived keeps its number and its rows: the node knows by the number what it has.
        if message.number <= self._given or len(message.batch) <= most:
            return
        behind = [self._messages.pop().batch for _ in range(len(self._messages) - index)][::-1]
        self._number = message.number - 1
        for batch in (*behind[0].split(most), *behind[1:]):
            self._number += 1
            self._messages.append(Message(self._number, batch))

    def _under_way(self) -> int:
        return sum(len(message.batch) for message in itertools.islice(self._messages, self._sent_and_kept()))

    def _fits(self, under_way: int, rows: int) -> bool:
        """Whether a message may be sent: what waits after an outage goes out within the node's window, too."""
        if not self._limited or not under_way or (self._direct and self._silent):
            return True
        return under_way + rows <= self.size

    def _may_send(self) -> bool:
        sent = self._sent_and_kept()
        return sent < len(self._messages) and self._fits(self._under_way(), len(self._messages[sent].batch))

    def _waits_for_answer(self) -> bool:
        return bool(self._messages) and self._messages[0].number < self._next

    def _begin_again_soon(self) -> None:
        if self._begin_again_at == math.inf:
            pause = _FIRST_PAUSE_S * 2**self._attempts_since_acknowledged
            self._begin_again_at = self._clock() + (pause if self._attempts_since_acknowledged else 0.0)

    def _begin_again(self, *, blamed: bool = False) -> None:
        """Send again from the oldest message on, if it was sent.

        Args:
            blamed: that message itself may be the reason why it is not taken in.
        """
        self._begin_again_at = math.inf
        self._last_progress = self._clock()
        if not self._waits_for_answer():
            return
        self._attempt += 1
        self._attempts_since_acknowledged += blamed
        if self._attempts_since_acknowledged > _MOST_ATTEMPTS:
            rows = len(self._messages[0].batch)
            log.warning("%d rows were sent %d times and never taken in; they are left out.", rows, _MOST_ATTEMPTS)
            self._attempts_since_acknowledged = 0
            self.dropped += rows
            self._remove_oldest()
        self._next = self._messages[0].number if self._messages else self._number + 1

    def _drop_oldest(self) -> None:
        # One that was sent may still be taken in: it is only not sent again.
        message = self._messages[0]
        if message.number > max(self._sent, self._sending):
            self.dropped += len(message.batch)
        elif message.number > self._sent:
            self._dropped_while_sending += len(message.batch)
        self._remove_oldest()

    def _remove_oldest(self) -> None:
        message = self._messages.popleft()
        self.rows -= len(message.batch)
        self._next = max(self._next, message.number + 1)
