"""How the training is at the moment: the node's status, the clients' signs of life, and what was saved."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from soulsai_core import ClientStatus, NodeStatus, Transport
from soulsai_telemetry.recorder import ClientRecord
from soulsai_telemetry.records import ClientLine, Vitals

_SILENCE = 5.0
"""Seconds without news after which the node counts as silent."""

_WINDOW = 10.0
_REMEMBERED = 3600.0
_MOST = 200


class Watch:
    """Looks at the server and puts together what is known.

    Args:
        known: client -> what the history says of it.
        wall: seconds since 1970.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        transport: Transport,
        known: Mapping[str, ClientRecord],
        wall: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._known = known
        self._wall = wall
        self._clock = clock
        self._elapsed = -1.0
        self._heard = clock()
        self._first_seen: dict[str, float] = {}
        self._lines: dict[str, tuple[ClientLine, float]] = {}
        self._rejected: deque[tuple[float, int]] = deque()

    def look(self) -> Vitals | None:
        """How it is now, None if no training node ever reported."""
        payload = self._transport.read_status()
        if payload is None:
            return None
        status = msgspec.json.decode(payload, type=NodeStatus)
        now = self._clock()
        wall = self._wall()
        if status.elapsed != self._elapsed:
            self._elapsed = status.elapsed
            self._heard = now
        alive = status.state == "running" and now - self._heard < _SILENCE
        ages = {client: age for client, (age, _) in self._transport.roster().items()}
        return Vitals(
            time=wall,
            alive=alive,
            status=status,
            clients=self._clients(status.clients, ages, wall),
            admitted_per_second=status.steps_per_second if alive else 0.0,
            rejected_per_second=self._rejected_rate(now, sum(status.rejected.values())) if alive else 0.0,
        )

    def _rejected_rate(self, now: float, count: int) -> float:
        points = self._rejected
        if points and count < points[-1][1]:  # a node that was started again counts from 0
            points.clear()
        points.append((now, count))
        while len(points) > 2 and points[1][0] <= now - _WINDOW:
            points.popleft()
        (then, before) = points[0]
        return (count - before) / (now - then) if now > then else 0.0

    def _clients(self, present: list[ClientStatus], ages: Mapping[str, float], wall: float) -> list[ClientLine]:
        """Those that are there, then those lost within the hour; the longest there first."""
        for client in present:
            age = ages.get(client.info.id)
            self._lines[client.info.id] = self._line(client, age, wall), wall - (age or 0.0)
        here = {client.info.id for client in present}
        for name, (line, seen) in list(self._lines.items()):
            if name not in here:
                self._lines[name] = replace(line, silent=wall - seen, steps_per_second=0.0), seen
            if wall - seen > _REMEMBERED:
                del self._lines[name]
                self._first_seen.pop(name, None)
        lines = [line for line, _ in self._lines.values()]
        return sorted(lines, key=lambda line: (line.id not in here, line.since))[:_MOST]

    def _line(self, client: ClientStatus, age: float | None, wall: float) -> ClientLine:
        info = client.info
        known = self._known.get(client.info.id)
        first = self._first_seen.setdefault(info.id, wall)
        returns = list(known.returns) if known is not None else []
        return ClientLine(
            id=info.id,
            host=info.host,
            since=min(first, known.since) if known is not None else first,
            silent=age,
            env_steps=info.env_steps,
            steps_per_second=info.steps_per_second,
            episodes=info.episodes,
            last_return=sum(returns) / len(returns) if returns else None,
            admitted=client.admitted,
            rejected=client.rejected,
            restarts=info.restarts,
            dropped=info.dropped,
        )
