"""The transport of a contributor, who may append to one stream of its own and read what clients need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import redis

from soulsai_core.contributors.inbox import EPISODE, HEARTBEAT, SAMPLES
from soulsai_core.contributors.rules import client_prefix, stream_of, user_of
from soulsai_core.errors import AccessError
from soulsai_core.transport.address import parse_address
from soulsai_core.transport.limits import StreamLimits
from soulsai_core.transport.redis import RedisTransport
from soulsai_core.transport.redis_link import Tls, make_client

LIMITS = StreamLimits(max_entries=5_000, max_bytes=32 * 2**20)
"""Bound of the contributor's stream while no training node empties it. It is below what the node counts as a flood, so
that a well-behaved client is not suspended after the node was away."""


def connect_contributor(
    address: str, run: str, name: str, password: str, tls: Tls | None = None, patience: float = 10.0
) -> RedisTransport:
    """A transport with the rights of an invitation. It connects when first used.

    Args:
        patience: seconds after which a server that does not answer counts as unreachable.
    """
    server = parse_address(address)
    user = user_of(run, name)
    client = make_client(server, username=user, password=password, tls=tls or Tls(), patience=patience)
    return ContributorTransport(client, run, name, where=str(server))


class ContributorTransport(RedisTransport):
    """The methods for clients. The server refuses the commands of all others."""

    def __init__(self, client: redis.Redis, run: str, name: str, *, where: str) -> None:
        advice = (
            f"The host of the training has revoked the invitation of {name}, or it is suspended for some minutes, "
            "because a client sent what no client sends. Ask the host for a new one, which "
            f"`soulsai invite {name}` prints there."
        )
        super().__init__(client, run, where=where, limits=LIMITS, password_advice=advice)
        self.client_prefix = client_prefix(name)
        self._stream = stream_of(run, name)

    def push_samples(self, payloads: Sequence[bytes]) -> None:
        self._append([{SAMPLES: payload} for payload in payloads])

    def push_episodes(self, payloads: Sequence[bytes]) -> None:
        self._append([{EPISODE: payload} for payload in payloads])

    def _read_newer(self, name: str, newer_than: int) -> tuple[int, bytes] | None:
        # HMGET would read both at once, but one command of it may name the payload thousands of times: contributors
        # have no right to it. Iterations only grow, so one that is the same before and after is the payload's.
        with self.link.explaining_errors():
            before = self._iteration(name)
            while before > newer_than:
                payload = self._client.hget(self._key(name), "payload")
                after = self._iteration(name)
                if after == before:
                    return None if payload is None else (before, payload)
                before = after
        return None

    def _iteration(self, name: str) -> int:
        """That of a model in the server, -1 if there is none."""
        stored = self._client.hget(self._key(name), "iteration")
        return -1 if stored is None else int(stored)

    def heartbeat(self, client: str, info: bytes) -> None:
        self._append([{HEARTBEAT: info}])

    def command(
        self, command: str, payload: bytes, timeout: float, give_up: Callable[[], bool] = lambda: False
    ) -> NoReturn:
        raise AccessError("A contributor may send no commands: ask the host of the training.")

    def _append(self, entries: Sequence[Mapping[bytes, bytes]]) -> None:
        if not entries:
            return
        with self.link.explaining_errors():
            pipe = self._client.pipeline(transaction=False)
            for entry in entries:
                bound = self.limits.entries(max(map(len, entry.values())))
                pipe.xadd(self._stream, dict(entry), maxlen=bound, approximate=False)
            pipe.execute()
