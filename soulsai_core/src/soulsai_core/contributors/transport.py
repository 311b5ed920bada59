"""The transport of a contributor, who may append to one stream of its own and read what clients need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import redis

from soulsai_core.errors import AccessError
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.keys import EPISODE, FAREWELL, HEARTBEAT, SAMPLES, stream_of, user_of
from soulsai_core.transport.limits import StreamLimits
from soulsai_core.transport.redis import RedisTransport
from soulsai_core.transport.redis_link import Tls, make_client

LIMITS = StreamLimits(max_entries=5_000, max_bytes=32 * 2**20)
"""What waits while no training node takes it; below what the node takes for a flood."""


def connect_contributor(
    address: str, run: str, name: str, password: str, tls: Tls | None = None, patience: float = 10.0
) -> RedisTransport:
    """A transport with an invitation's rights. It connects when first used."""
    place = parse_address(address)
    user = user_of(run, name)
    client = make_client(place, username=user, password=password, tls=tls or Tls(), patience=patience)
    return ContributorTransport(client, run, name, where=str(place))


class ContributorTransport(RedisTransport):
    """The client's side of a RedisTransport; of the others the server refuses every command."""

    def __init__(self, client: redis.Redis, run: str, name: str, *, where: str) -> None:
        super().__init__(client, run, where=where, limits=LIMITS)
        self.contributor = name
        self._stream = stream_of(run, name)

    def push_samples(self, payloads: Sequence[bytes]) -> None:
        self._append([{SAMPLES: payload} for payload in payloads])

    def push_episode(self, payload: bytes) -> None:
        self._append([{EPISODE: payload}])

    def heartbeat(self, client: str, info: bytes) -> None:
        self._append([{HEARTBEAT: info}])

    def remove_client(self, client: str) -> None:
        self._append([{FAREWELL: client.encode()}])

    def command(self, command: str, payload: bytes, timeout: float) -> NoReturn:
        raise AccessError("A contributor gives no commands: ask whoever hosts the training.")

    def _append(self, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        if not entries:
            return
        with self._link.guard():
            pipe = self._client.pipeline(transaction=False)
            for entry in entries:
                bound = self._limits.entries(max(map(len, entry.values())))
                pipe.xadd(self._stream, dict(entry), maxlen=bound, approximate=False)
            pipe.execute()
