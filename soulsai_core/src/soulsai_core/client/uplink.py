"""What a client sends: samples, episodes and heartbeats, in a thread of its own."""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections import deque
from collections.abc import Callable

import msgspec

from soulsai_core.client.window import Window
from soulsai_core.contracts import Transport
from soulsai_core.errors import TransportError
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.threads import RetryingThread
from soulsai_core.wire import encode_steps

log = logging.getLogger(__name__)

# Episode reports kept while the server is away; beyond them the oldest are dropped.
_MOST_EPISODES = 10_000

# Seconds for which reports are kept after they were sent: a server that is killed forgets its last second.
_EPISODE_MEMORY_S = 60.0

# Messages or reports, and bytes of the arrays of messages, that are sent in one go at most. Fewer messages over a
# connection that breaks meanwhile.
_MOST_MESSAGES = 64
_MOST_BYTES = 4 * 2**20


class Uplink:
    """Sends the window's messages in order, and reports and heartbeats between them.

    A thread of its own keeps the network's delays out of the time between two steps of a game.

    Args:
        window: what was recorded and not taken in yet.
        interval: seconds between heartbeats.
        info: gives the client's numbers for each heartbeat.

    Attributes:
        latency: seconds that the server took to answer the last heartbeat, 0 before the first.
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
        interval: float,
        info: Callable[[], ClientInfo],
    ) -> None:
        self.latency = 0.0
        self._transport = transport
        self._run_id = run_id
        self._client = client
        self._window = window
        self._clock = clock
        self._interval = interval
        self._info = info
        # The client's thread reports episodes while this one's sends them.
        self._lock = threading.Lock()
        self._episodes: deque[Episode] = deque(maxlen=_MOST_EPISODES)
        # (time, report) of those that were sent a short time ago.
        self._sent_episodes: deque[tuple[float, Episode]] = deque(maxlen=_MOST_EPISODES)
        self._losses = 0  # of the server, as far as reports are concerned
        self._count = _MOST_MESSAGES
        self._next_heartbeat = 0.0
        self._hurried = threading.Event()
        self._thread = RetryingThread(
            "uplink", self._step, rng, on_loss=self._lose, on_reconnect=lambda: window.connection_back("uplink")
        )

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        self._thread.check()

    def report(self, episode: Episode) -> None:
        """Send the result of an episode."""
        with self._lock:
            self._episodes.append(msgspec.structs.replace(episode, run_id=self._run_id))
        self._window.wake()

    def report_again(self) -> None:
        """Send the newest reports once more: a server that was lost may have forgotten them. The node recognizes what
        it knows."""
        with self._lock:
            self._losses += 1
            sent = [episode for _, episode in self._sent_episodes]
            self._sent_episodes.clear()
            self._episodes = deque([*sent, *self._episodes], maxlen=_MOST_EPISODES)
        self._window.wake()

    def hurry(self) -> None:
        """Send the next heartbeat at once: it says something new."""
        self._hurried.set()
        self._window.wake()

    def close(self, timeout: float, acknowledge: float = 0.0) -> None:
        """Stop, send what waits, and leave with a last heartbeat. The thread gets `timeout` seconds to end, and the
        node `acknowledge` seconds to take in what was sent, and to make room for what is beyond its window.

        Raises TransportError if the server is away.
        """
        self._thread.stop()
        self._window.wake()
        if not self._thread.join(timeout):
            raise TransportError("The server does not answer.")
        deadline = self._clock() + acknowledge
        self._send_messages(last=True)
        self._send_episodes()
        while self._window.wait_for_room_to_send(deadline - self._clock()):
            self._send_messages(last=True)
        self._window.wait_until_acknowledged(deadline - self._clock())
        if rows := self._window.unsent_rows:
            log.warning("While leaving: %s steps were not sent, since the node had no room for them.", f"{rows:,}")
        # Last: once the node knows that the client leaves, it waits for nothing more of it.
        self._send_heartbeat(leaving=True)

    def _step(self) -> None:
        pause = max(self._next_heartbeat - self._clock(), 0.0)
        self._window.wait_for_messages(self._has_other_work, pause)
        # Heartbeats come first: what waits after an outage may take long to send.
        if self._hurried.is_set() or self._clock() >= self._next_heartbeat:
            self._hurried.clear()
            self._send_heartbeat()
        self._send_messages(lambda: self._clock() >= self._next_heartbeat or self._thread.stopping)
        self._send_episodes()

    def _has_other_work(self) -> bool:
        return bool(self._episodes) or self._thread.stopping or self._hurried.is_set()

    def _send_heartbeat(self, *, leaving: bool = False) -> None:
        info = msgspec.structs.replace(self._info(), leaving=leaving)
        payload = msgspec.json.encode(info)
        started = self._clock()
        self._transport.heartbeat(self._client, payload)
        now = self._clock()
        self.latency = now - started
        self._next_heartbeat = now + self._interval

    def _send_messages(self, until: Callable[[], bool] = lambda: False, *, last: bool = False) -> None:
        """Send all that waits, or stop between two chunks. No lock is held while bytes travel: the thread that adds
        messages must never wait for the network."""
        while chunk := self._window.next_chunk(self._count, _MOST_BYTES, last=last):
            payloads = [
                encode_steps(
                    self._run_id, self._client, message.number, message.batch,
                    first=chunk.first, attempt=chunk.attempt, waiting=chunk.waiting, node=chunk.node,
                )
                for message in chunk.messages
            ]  # fmt: skip
            try:
                self._transport.push_samples(payloads)
            except TransportError:
                # Over a slow connection many messages take too long to be answered in time.
                self._count = max(len(payloads) // 2, 1)
                raise
            # One more than before: twice as many would fail again at once where the connection stays slow.
            self._count = min(self._count + 1, _MOST_MESSAGES)
            self._window.sent(chunk)
            if until():
                return

    def _send_episodes(self) -> None:
        while self._episodes:
            with self._lock:
                episodes = list(itertools.islice(self._episodes, _MOST_MESSAGES))
                losses = self._losses
            # Removed only once they are sent: if the server is lost in between, they are sent again.
            self._transport.push_episodes([msgspec.json.encode(episode) for episode in episodes])
            now = self._clock()
            with self._lock:
                if losses != self._losses:
                    continue  # meanwhile the server was lost, perhaps with these
                for episode in episodes:
                    # In a full queue new reports may have taken the places of the first ones.
                    if self._episodes and self._episodes[0] is episode:
                        self._episodes.popleft()
                        self._sent_episodes.append((now, episode))
                while self._sent_episodes and now - self._sent_episodes[0][0] > _EPISODE_MEMORY_S:
                    self._sent_episodes.popleft()

    def _lose(self) -> None:
        """The server was lost, and may have forgotten what it got last. All of that is sent again: the node recognizes
        what it knows."""
        self._window.connection_lost("uplink")
        self.report_again()
