"""Reads the training node's status and the clients' heartbeats from the server."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec

from soulsai_core import AccessError, ClientStatus, NodeStatus
from soulsai_core.app import UNREADABLE, Contribution, Rate, Transport, contributions_of, judge
from soulsai_telemetry.history.builder import ClientHistory
from soulsai_telemetry.history.records import ClientSummary, ContributorSummary, TrainingStatus

log = logging.getLogger(__name__)

# Seconds over which the rate of rejected steps is averaged.
_RATE_WINDOW = 10.0
# Seconds for which a lost client is still shown, and the most clients shown.
_LOST_FOR = 3600.0
_MAX_CLIENTS = 200


class StatusReader:
    """Puts the node's status, the heartbeats and the history of the clients together.

    Args:
        histories: client -> its history.
        wall: seconds since 1970.
        clock: monotonic seconds.
        contributions: what each contributor gave to a transport's run, by name.
    """

    def __init__(
        self,
        transport: Transport,
        histories: Mapping[str, ClientHistory],
        wall: Callable[[], float],
        clock: Callable[[], float],
        contributions: Callable[[Transport], Mapping[str, Contribution]] = contributions_of,
    ) -> None:
        self._transport = transport
        self._histories = histories
        self._wall = wall
        self._clock = clock
        self._contributions = contributions
        self._first_seen: dict[str, float] = {}
        self._last_seen: dict[str, float] = {}
        self._clients: dict[str, ClientSummary] = {}
        self._rejected = 0
        self._rejected_rate = Rate(_RATE_WINDOW)
        self._contributors_are_hidden = False

    def read(self) -> TrainingStatus | None:
        """The status now, None if no training node ever reported. Raises one of UNREADABLE if it cannot be read."""
        found = self._transport.read_status()
        if found is None:
            return None
        age, payload = found
        node = msgspec.json.decode(payload, type=NodeStatus)
        now = self._clock()
        wall = self._wall()
        health = judge(node, age=age, now=wall)
        ages = {client: age for client, (age, _) in self._transport.roster().items()}
        return TrainingStatus(
            time=wall,
            health=health,
            node=node,
            clients=self._summaries(node.clients, ages, wall),
            admitted_per_second=node.steps_per_second if health.live else 0.0,
            rejected_per_second=self._rejected_per_second(now, sum(node.rejected.values())) if health.live else 0.0,
            contributors=self._contributors(node.clients),
        )

    def _contributors(self, present: list[ClientStatus]) -> tuple[ContributorSummary, ...]:
        """The contributors, the one with the most samples first."""
        try:
            contributions = self._contributions(self._transport)
        except (AccessError, *UNREADABLE) as error:
            # An older file of users, to which everything else on the page does not matter.
            if not self._contributors_are_hidden:
                log.warning("What contributors have contributed cannot be shown: %s", error)
            self._contributors_are_hidden = True
            return ()
        clients = Counter(client.info.id.partition("@")[0] for client in present if "@" in client.info.id)
        summaries = [
            ContributorSummary(
                name=name,
                since=found.since,
                clients=clients[name],
                samples=found.samples,
                seconds=found.client_seconds,
                episodes=found.episodes,
                mean_return=found.mean_return,
                best=found.best,
                rejected=sum(found.rejected.values()),
            )
            for name, found in contributions.items()
        ]
        return tuple(sorted(summaries, key=lambda summary: (-summary.samples, summary.name)))

    def unreachable(self, last: TrainingStatus) -> TrainingStatus:
        """The last status, judged as one of a server that does not answer."""
        wall = self._wall()
        health = judge(last.node, age=max(wall - last.time, 0.0), now=wall, reachable=False)
        return replace(last, health=health, admitted_per_second=0.0, rejected_per_second=0.0)

    def _rejected_per_second(self, now: float, count: int) -> float:
        if count < self._rejected:
            # The training node was restarted, and counts from 0 again.
            self._rejected_rate = Rate(_RATE_WINDOW)
        self._rejected = count
        return self._rejected_rate.note(now, count)

    def _summaries(self, present: list[ClientStatus], ages: Mapping[str, float], wall: float) -> list[ClientSummary]:
        """The clients present, then those lost within the last hour, each group in the order of its arrival."""
        for client in present:
            name = client.info.id
            age = ages.get(name)
            self._clients[name] = self._summary(client, age, wall)
            self._last_seen[name] = wall - (age or 0.0)
        here = {client.info.id for client in present}
        for name in self._clients.keys() - here:
            self._update_lost(name, wall)
        return sorted(self._clients.values(), key=lambda client: (client.id not in here, client.since))[:_MAX_CLIENTS]

    def _update_lost(self, name: str, wall: float) -> None:
        silent = wall - self._last_seen[name]
        if silent > _LOST_FOR:
            for known in (self._clients, self._last_seen, self._first_seen):
                known.pop(name, None)
        else:
            self._clients[name] = replace(self._clients[name], silent=silent, steps_per_second=0.0)

    def _summary(self, client: ClientStatus, age: float | None, wall: float) -> ClientSummary:
        info = client.info
        history = self._histories.get(info.id)
        first = self._first_seen.setdefault(info.id, wall)
        return ClientSummary(
            id=info.id,
            host=info.host,
            since=first if history is None else min(first, history.since),
            silent=age,
            env_steps=info.env_steps,
            steps_per_second=info.steps_per_second,
            episodes=info.episodes,
            last_return=None if history is None else history.mean_return,
            admitted=client.admitted,
            rejected=client.rejected,
            restarts=info.restarts,
            dropped=info.dropped,
            version=info.version,
            latency=info.latency,
        )
