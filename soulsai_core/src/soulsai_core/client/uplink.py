"""What a client sends: samples, episodes and heartbeats, in a thread of its own."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable

import msgspec

from soulsai_core.client.window import Window
from soulsai_core.contracts import Transport
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.steps import StepBatch
from soulsai_core.threads import RetryingThread
from soulsai_core.wire import encode_steps

# Episode reports kept while the server is away; beyond them the oldest are dropped.
_MOST_EPISODES = 10_000


class Uplink:
    """Sends in order what it is given. While the server is away it keeps what fits.

    A thread of its own keeps the network's delays out of the time between two steps of a game.

    Args:
        capacity: sample messages that may wait.
        drops: beyond the capacity the oldest message is dropped, which would be the first to be stale, and its rows
            are counted. False: the sender calls `wait_for_room` before it sends.
        interval: seconds between heartbeats.
        info: gives the client's numbers for each heartbeat.

    Attributes:
        dropped: rows that were never sent.
    """

    def __init__(
        self,
        transport: Transport,
        run_id: str,
        client: str,
        window: Window,
        rng: random.Random,
        clock: Callable[[], float],
        *,
        capacity: int,
        drops: bool,
        interval: float,
        info: Callable[[], ClientInfo],
    ) -> None:
        self.dropped = 0
        self._transport = transport
        self._run_id = run_id
        self._client = client
        self._window = window
        self._clock = clock
        self._capacity = capacity
        self._drops = drops
        self._interval = interval
        self._info = info
        self._changed = threading.Condition()
        self._batches: deque[tuple[int, StepBatch]] = deque()
        self._episodes: deque[Episode] = deque(maxlen=_MOST_EPISODES)
        self._number = 0
        self._next_heartbeat = 0.0
        self._thread = RetryingThread("uplink", self._step, rng, on_reconnect=window.reset)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        self._thread.check()

    def send(self, batch: StepBatch) -> None:
        """Send these rows as one message. The arrays must not change afterwards: they are encoded in the thread."""
        with self._changed:
            self._number += 1
            self._window.sent(self._number, len(batch))
            self._batches.append((self._number, batch))
            if self._drops and len(self._batches) > self._capacity:
                _, oldest = self._batches.popleft()
                self.dropped += len(oldest)
            self._changed.notify_all()

    def wait_for_room(self, timeout: float) -> bool:
        """Block until a message may be sent; False after `timeout` seconds. Always true for an uplink that drops."""
        # Asked before most messages, and nearly always true: a length is read without taking the lock.
        if self._drops or len(self._batches) < self._capacity:
            return True
        with self._changed:
            return self._changed.wait_for(lambda: len(self._batches) < self._capacity, timeout)

    def report(self, episode: Episode) -> None:
        """Send the result of an episode."""
        with self._changed:
            self._episodes.append(msgspec.structs.replace(episode, run_id=self._run_id))
            self._changed.notify_all()

    def close(self, timeout: float) -> None:
        """Stop, send what waits, and leave the list of clients. The thread gets `timeout` seconds to end."""
        self._thread.stop()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(timeout)
        self._send_waiting()
        self._transport.remove_client(self._client)

    def _step(self) -> None:
        with self._changed:
            pause = max(self._next_heartbeat - self._clock(), 0.0)
            self._changed.wait_for(lambda: self._batches or self._episodes or self._thread.stopping, pause)
        self._send_waiting()
        if self._clock() >= self._next_heartbeat:
            self._transport.heartbeat(self._client, msgspec.json.encode(self._info()))
            self._next_heartbeat = self._clock() + self._interval

    def _send_waiting(self) -> None:
        """Send all that waits.

        A message leaves the queue only after it was sent, so none is lost if the connection breaks meanwhile. It may
        then be sent twice; the node recognizes its number.
        """
        # Copies, so that the lock is not held while bytes travel: `send` must never wait for the network.
        with self._changed:
            batches = tuple(self._batches)
            episodes = tuple(self._episodes)
        if batches:
            self._transport.push_samples(
                [encode_steps(self._run_id, self._client, number, batch) for number, batch in batches]
            )
            with self._changed:
                # By number, not by count: `send` may have dropped some of them in the meantime.
                while self._batches and self._batches[0][0] <= batches[-1][0]:
                    self._batches.popleft()
                self._changed.notify_all()
        for episode in episodes:
            self._transport.push_episode(msgspec.json.encode(episode))
            with self._changed:
                if self._episodes and self._episodes[0] is episode:
                    self._episodes.popleft()
