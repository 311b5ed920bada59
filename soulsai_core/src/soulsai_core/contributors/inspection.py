"""Whether what a contributor sent is what it claims to be. Nothing here learns from it, and nothing can raise.

The decoder looks at the numbers of samples later on; here it is made sure that they carry their sender's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from soulsai_core.config import ContributorSettings
from soulsai_core.contributors.inbox import Delivery, Message
from soulsai_core.errors import WireError
from soulsai_core.messages import ClientInfo, Episode
from soulsai_core.transport.keys import AT, EPISODE, FAREWELL, HEARTBEAT, SAMPLES
from soulsai_core.wire import open_message

REASONS = frozenset({"kind", "sender", "clients", "run", "episode", "heartbeat", "rate", "flood"})
"""Why the gate may reject something, beside what makes a message unreadable."""

_TEXT_LIMIT = 4096
_LONGEST = 10**9
_NAME_LIMIT = 128
_METRICS = 64
_TROUBLE_LIMIT = 300


class Inspector:
    """Looks at one contributor's messages.

    Args:
        name: whose they are; the ids of its clients begin with it.
        run_id: the training; episodes of another one are rejected.
        memory: seconds for which a client counts as there after it was heard.

    Attributes:
        clients: id -> when it was heard last.
        returns: of the complete episodes accepted so far; whoever reads them empties the list.
    """

    def __init__(self, name: str, run_id: str, limits: ContributorSettings, memory: float) -> None:
        self.clients: dict[str, float] = {}
        self.returns: list[float] = []
        self._begin = name + AT
        self._run_id = run_id
        self._limits = limits
        self._message_bytes = int(limits.max_message_mb * 2**20)
        self._memory = memory
        self._checks: Mapping[bytes, Callable[[bytes, float, Delivery], str | None]] = {
            SAMPLES: self._samples,
            EPISODE: self._episode,
            HEARTBEAT: self._heartbeat,
            FAREWELL: self._farewell,
        }

    def accept(self, message: Message, now: float, delivery: Delivery) -> str | None:
        """Add the message to the delivery, or return the reason why not."""
        check = self._checks.get(message.kind)
        if check is None:
            return "kind"
        if len(message.payload) > (self._message_bytes if message.kind == SAMPLES else _TEXT_LIMIT):
            return "oversized"
        return check(message.payload, now, delivery)

    def _samples(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        try:
            header, _ = open_message(payload, self._message_bytes)
        except WireError as error:
            return error.reason
        reason = self._admit(header.client, now)
        if reason is None:
            delivery.samples.append(payload)
        return reason

    def _episode(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        try:
            episode = msgspec.json.decode(payload, type=Episode)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "episode"
        if not self._is_plausible(episode):
            return "episode"
        if episode.run_id != self._run_id:
            return "run"
        reason = self._admit(episode.client, now)
        if reason is None:
            delivery.episodes.append(payload)
            if episode.complete:
                self.returns.append(episode.total_reward)
        return reason

    def _is_plausible(self, episode: Episode) -> bool:
        numbers = (episode.total_reward, episode.seconds, *episode.metrics.values())
        return (
            all(map(math.isfinite, numbers))
            and abs(episode.total_reward) <= self._limits.max_abs_return
            and all(0 <= number <= _LONGEST for number in (episode.length, episode.seconds))
            and 0 <= episode.iteration < 2**53
            and len(episode.metrics) <= _METRICS
            and all(_is_text(name, _NAME_LIMIT) for name in episode.metrics)
            and episode.id.startswith(f"{episode.client}-")
            and episode.id[len(episode.client) + 1 :].isdecimal()
            and len(episode.id) <= 2 * _NAME_LIMIT
        )

    def _heartbeat(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        try:
            info = msgspec.json.decode(payload, type=ClientInfo)
            clean = msgspec.structs.replace(
                info,
                host=_clean(info.host, _NAME_LIMIT),
                trouble=_clean(info.trouble, _TROUBLE_LIMIT),
                unfit=_clean(info.unfit, _TROUBLE_LIMIT),
            )
            encoded = msgspec.json.encode(clean)
        except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError):
            return "heartbeat"
        numbers = (info.env_steps, info.episodes, info.steps_per_second, info.restarts, info.dropped, info.late_steps)
        if not all(0 <= n < 2**53 for n in (*numbers, info.step_seconds, info.slowest_step_seconds)):
            return "heartbeat"
        reason = self._admit(info.id, now)
        if reason is None:
            delivery.heartbeats[info.id] = encoded
        return reason

    def _farewell(self, payload: bytes, now: float, delivery: Delivery) -> str | None:
        client = payload.decode(errors="replace")
        if not self._is_ours(client):
            return "sender"
        delivery.heartbeats.pop(client, None)
        delivery.farewells.append(client)
        return None

    def _admit(self, client: str, now: float) -> str | None:
        """Each client has its share of the window and an contribution on the node, so that there must not be many."""
        if not self._is_ours(client):
            return "sender"
        if client not in self.clients:
            for silent in [c for c, heard in self.clients.items() if now - heard > self._memory]:
                del self.clients[silent]
            if len(self.clients) >= self._limits.max_clients:
                return "clients"
        self.clients[client] = now
        return None

    def _is_ours(self, client: str) -> bool:
        return client.startswith(self._begin) and len(client) > len(self._begin) and _is_text(client, _NAME_LIMIT)


def _is_text(text: str, limit: int) -> bool:
    """Nothing in it that moves a terminal's cursor or begins a new line in a log."""
    return len(text) <= limit and text.isprintable()


def _clean(text: str, limit: int) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:limit])
