"""Inspection of what a contributor sends, before it reaches the run's own streams. It never raises.

The node's decoder checks the rows of samples later on. The inspection ensures that a message comes from one of the
sender's own clients, and that episodes and heartbeats hold plausible numbers and printable text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from soulsai_core.config import ContributorSettings
from soulsai_core.contributors.inbox import EPISODE, HEARTBEAT, SAMPLES, Delivery, Message
from soulsai_core.contributors.rules import client_prefix
from soulsai_core.contributors.window import WindowLimit
from soulsai_core.errors import WireError
from soulsai_core.messages import MAX_NUMBER, UNREADABLE, ClientInfo, Episode, episode_number, is_plain, plain
from soulsai_core.wire import open_message

REASONS = frozenset(
    {
        *("kind", "sender", "clients", "run", "rows", "window", "repeated", "episode", "metric", "heartbeat"),
        *("rate", "reports", "flood", "fields", "connections"),
    }
)
"""Reasons for which the gate rejects a message, besides those of the wire format."""

_MAX_TEXT_BYTES = 4096
"""Of an episode or heartbeat as JSON."""

_MAX_LENGTH = 10**9
"""Steps or seconds that an episode may have."""

_MAX_NAME = 128

_CLIENT = re.compile(rf"[\w@. -]{{1,{_MAX_NAME}}}")
"""The ids of clients are in logs, tables, terminals, pages and labels: they have no markup of any of them."""

_MAX_METRICS = 64
_MAX_SENTENCE = 300


class Inspector:
    """Inspects the messages of one contributor.

    Args:
        name: of the contributor; the ids of its clients begin with it.
        run_id: of the running training; episodes of another one are rejected.
        client_timeout: seconds after its last message for which a client counts as present.

        window: limits the rows that are on their way; None: it is not enforced.

    Attributes:
        clients: id -> time of its last message.
        rows: of the message that was rejected last, where they were read; else 1.
    """

    def __init__(
        self,
        name: str,
        run_id: str,
        limits: ContributorSettings,
        client_timeout: float,
        window: WindowLimit | None = None,
    ) -> None:
        self.clients: dict[str, float] = {}
        self._last_episodes: dict[str, int] = {}  # client -> number
        self.rows = 1
        self._window = window
        self._name = name
        self._prefix = client_prefix(name)
        self._run_id = run_id
        self._limits = limits
        self._max_sample_bytes = int(limits.max_message_mb * 2**20)
        self._client_timeout = client_timeout
        self._checks: Mapping[bytes, Callable[[bytes, float, Delivery], str | None]] = {
            SAMPLES: self._samples,
            EPISODE: self._episode,
            HEARTBEAT: self._heartbeat,
        }

    def accept(self, message: Message, now: float, delivery: Delivery) -> str | None:
        """Add the message to the delivery, or return the reason why it is rejected."""
        self.rows = 1
        check = self._checks.get(message.kind)
        if check is None:
            return "kind"
        # Before anything is decoded, so that a large message costs no more than a small one.
        if len(message.payload) > (self._max_sample_bytes if message.kind == SAMPLES else _MAX_TEXT_BYTES):
            return "oversized"
        return check(message.payload, now, delivery)

    def new_returns(self, episodes: Iterable[Episode]) -> list[float]:
        """The returns of those that were not given before: a client reports its newest ones again after an outage."""
        returns = []
        for episode in episodes:
            number = episode_number(episode.id)
            if number > self._last_episodes.get(episode.client, 0):
                self._last_episodes[episode.client] = number
                returns.append(episode.total_reward)
        return returns

    def _samples(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        try:
            header, body = open_message(payload, self._max_sample_bytes)
        except WireError as error:
            return error.reason
        reason = self._admit_client(header.client, now)
        if reason is None and header.run_id != self._run_id:
            reason = "run"
        if reason is None and self._window is not None:
            # A row has one byte at least: a larger number is made up, and must neither be counted nor fill the window.
            if header.rows > len(body):
                return "rows"
            reason = self._window.reject(header)
            self.rows = max(header.rows, 1)
        if reason is None:
            delivery.samples.append(payload)
        return reason

    def _episode(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        try:
            episode = msgspec.json.decode(payload, type=Episode)
        except UNREADABLE:
            return "episode"
        if not self._is_plausible(episode):
            return "episode"
        if not all(abs(value) <= MAX_NUMBER for value in episode.metrics.values()):
            return "metric"
        if episode.run_id != self._run_id:
            return "run"
        reason = self._admit_client(episode.client, now)
        if reason is None:
            delivery.episodes.append(payload)
            if episode.complete:
                delivery.completed.setdefault(self._name, []).append(episode)
        return reason

    def _is_plausible(self, episode: Episode) -> bool:
        return (
            math.isfinite(episode.seconds)
            and abs(episode.total_reward) <= self._limits.max_abs_return
            and all(0 <= number <= _MAX_LENGTH for number in (episode.length, episode.seconds))
            and 0 <= episode.iteration < 2**53
            and len(episode.metrics) <= _MAX_METRICS
            and all(is_plain(name, _MAX_NAME) for name in episode.metrics)
            and episode.id.startswith(f"{episode.client}-")
            and episode.id[len(episode.client) + 1 :].isdecimal()
            and len(episode.id) <= 2 * _MAX_NAME
        )

    def _heartbeat(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        try:
            info = msgspec.json.decode(payload, type=ClientInfo)
            # The texts are shown to people, so they are cut and cleaned rather than rejected.
            clean = msgspec.structs.replace(
                info,
                host=plain(info.host, _MAX_NAME),
                problem=plain(info.problem, _MAX_SENTENCE),
                unfit=plain(info.unfit, _MAX_SENTENCE),
            )
            encoded = msgspec.json.encode(clean)
        except (*UNREADABLE, UnicodeEncodeError, OverflowError):
            return "heartbeat"
        counts = (info.env_steps, info.episodes, info.restarts, info.dropped, info.late_steps, info.left_out)
        times = (info.steps_per_second, info.step_seconds, info.slowest_step_seconds)
        # The node adds up some of them over all clients, and its status as JSON has no integers beyond 64 bits.
        if not all(0 <= number < 2**53 for number in (*counts, info.backlog, *times)):
            return "heartbeat"
        reason = self._admit_client(info.id, now)
        if reason is None:
            delivery.heartbeats[info.id] = encoded
            if info.leaving:
                del self.clients[info.id]
        return reason

    def _admit_client(self, client: str, now: float) -> str | None:
        """Note that the client is present, or return the reason why it is rejected.

        Each client takes a share of the window and of the node's memory, so that their number is limited.
        """
        if not self._is_own_client(client):
            return "sender"
        if client not in self.clients:
            for absent in [c for c, last in self.clients.items() if now - last > self._client_timeout]:
                del self.clients[absent]
                self._last_episodes.pop(absent, None)
            if len(self.clients) >= self._limits.max_clients:
                return "clients"
        self.clients[client] = now
        return None

    def _is_own_client(self, client: str) -> bool:
        begins = client.startswith(self._prefix) and len(client) > len(self._prefix)
        return begins and _CLIENT.fullmatch(client) is not None
