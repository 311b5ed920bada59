"""The client's voice: samples, episodes and heartbeats are sent in a thread of its own."""

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
from soulsai_core.threads import SupervisedLoop
from soulsai_core.wire import encode_steps

_EPISODES = 10_000


class Uplink:
    """Sends in order what it is given. While the server is away it keeps what fits.

    Args:
        capacity: sample messages that may wait.
        drops: beyond the capacity the oldest, which would be the first to be stale, is dropped and counted; otherwise
            whoever sends is to wait for room.
        info: asked for the client's numbers at each heartbeat.
        interval: seconds between heartbeats.

    Attributes:
        dropped: rows that never left.
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
        self._episodes: deque[Episode] = deque(maxlen=_EPISODES)
        self._number = 0
        self._next_heartbeat = 0.0
        self._loop = SupervisedLoop("uplink", self._step, rng, back=window.reset)

    def start(self) -> None:
        """Start sending."""
        self._loop.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._loop.failure is not None:
            raise self._loop.failure

    def send(self, batch: StepBatch) -> None:
        """Send these rows as one message; the arrays must not change afterwards."""
        with self._changed:
            self._number += 1
            self._window.sent(self._number, len(batch))
            self._batches.append((self._number, batch))
            if self._drops and len(self._batches) > self._capacity:
                _, oldest = self._batches.popleft()
                self.dropped += len(oldest)
            self._changed.notify_all()

    def wait_for_room(self, timeout: float) -> bool:
        """Block until a message may be sent; False after the time-out. Always true for one that drops."""
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
        """Send what is waiting, `timeout` seconds at most, say goodbye and stop."""
        self._loop.stop()
        with self._changed:
            self._changed.notify_all()
        self._loop.join(timeout)
        self._send_waiting()
        self._transport.remove_client(self._client)

    def _step(self) -> None:
        with self._changed:
            pause = max(self._next_heartbeat - self._clock(), 0.0)
            self._changed.wait_for(lambda: self._batches or self._episodes or self._loop.stopping, pause)
        self._send_waiting()
        if self._clock() >= self._next_heartbeat:
            self._transport.heartbeat(self._client, msgspec.json.encode(self._info()))
            self._next_heartbeat = self._clock() + self._interval

    def _send_waiting(self) -> None:
        """Messages leave the queue only after they were sent; the node recognises one that arrives twice."""
        with self._changed:
            batches = tuple(self._batches)
            episodes = tuple(self._episodes)
        if batches:
            self._transport.push_samples(
                [encode_steps(self._run_id, self._client, number, batch) for number, batch in batches]
            )
            with self._changed:
                while self._batches and self._batches[0][0] <= batches[-1][0]:
                    self._batches.popleft()
                self._changed.notify_all()
        for episode in episodes:
            self._transport.push_episode(msgspec.json.encode(episode))
            with self._changed:
                if self._episodes and self._episodes[0] is episode:
                    self._episodes.popleft()
