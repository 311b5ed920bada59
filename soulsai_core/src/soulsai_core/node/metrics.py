"""Prometheus metrics of the training node. They are always measured; `metrics_server` serves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from soulsai_core.node.freshness import Staleness
from soulsai_core.node.health.judging import LABELS, Health

_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class NodeMetrics:
    """The node's metrics, in a registry of their own, so that several nodes may live in one process.

    All times are in seconds. Names begin with `soulsai_`, those of the process with `process_`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # CPU time and memory of the process; nothing on Windows
        counter = partial(Counter, registry=self.registry, namespace="soulsai")
        gauge = partial(Gauge, registry=self.registry, namespace="soulsai")
        histogram = partial(Histogram, registry=self.registry, namespace="soulsai", buckets=_SECONDS)
        self.admitted = counter("samples_admitted", "Environment steps admitted", ["client"])
        self._admitted_of: dict[str, Counter] = {}
        self.rejected = counter("samples_rejected", "Environment steps rejected", ["client", "reason"])
        self.repeated = counter(
            "messages_repeated", "Messages sent twice, or refused to be sent again since one is missing", ["reason"]
        )
        self.episodes = counter("episodes", "Episodes reported")
        self.episode_return = gauge("episode_return_mean", "Mean return of the last episodes")
        self.iteration = gauge("iteration", "Newest model iteration")
        self.env_steps = gauge("env_steps", "Environment steps admitted in the whole run")
        self.clients = gauge("clients", "Clients that are present")
        self.backlog = gauge("backlog_messages", "Sample messages waiting in the server")
        self.update_seconds = histogram("update_seconds", "Time of one update")
        self.publish_seconds = histogram("publish_seconds", "Time to publish a model")
        self.checkpoint_seconds = gauge("checkpoint_seconds", "Time for which the last checkpoint has stopped learning")
        self.staleness = gauge("staleness", "Mean staleness of admitted rows", ["unit"])
        self.learner = gauge("learner", "Numbers reported by the learner", ["name"])
        self.state = gauge("state", "1 for the state of the training, 0 for all others", ["state"])
        self.condition = gauge("condition", "1 for what keeps the training from learning", ["name", "level"])

    def updated(
        self, iteration: int, env_steps: int, seconds: float, report: Mapping[str, float], staleness: Staleness
    ) -> None:
        """The learner made an iteration in `seconds`, and reported these numbers."""
        self.iteration.set(iteration)
        self.env_steps.set(env_steps)
        self.update_seconds.observe(seconds)
        for unit in ("iterations", "env_steps", "seconds"):
            self.staleness.labels(unit).set(getattr(staleness, unit))
        for name, value in report.items():
            self.learner.labels(name).set(value)

    def judged(self, health: Health) -> None:
        """The judgment of the training now."""
        for state in LABELS:
            self.state.labels(state).set(state == health.state)
        self.condition.clear()
        for condition in health.conditions:
            self.condition.labels(condition.name, condition.level).set(1)

    def count_admitted(self, client: str, rows: int) -> None:
        """Count admitted rows. To be called by one thread."""
        of_client = self._admitted_of.get(client)
        if of_client is None:
            of_client = self._admitted_of[client] = self.admitted.labels(client)
        of_client.inc(rows)

    def count_rejected(self, client: str, reason: str, rows: int) -> None:
        """Count rejected rows."""
        self.rejected.labels(client, reason).inc(rows)

    def forget_client(self, client: str) -> None:
        """Drop a client's series, so that the memory stays bounded while clients come and go for days."""
        self._admitted_of.pop(client, None)
        for metric in (self.admitted, self.rejected):
            metric.remove_by_labels({"client": client})


@contextmanager
def timed(gauge: Gauge | Histogram, clock: Callable[[], float]) -> Iterator[None]:
    """Measure a block in seconds into a gauge or histogram, also if the block raises."""
    started = clock()
    try:
        yield
    finally:
        seconds = clock() - started
        gauge.set(seconds) if isinstance(gauge, Gauge) else gauge.observe(seconds)
