"""The run's numbers for Prometheus, as they are at each scrape."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soulsai_core import ConnectorContext, ConnectorPlugin, Settings, hookimpl
from soulsai_core.app import LABELS, Health, HostNames
from soulsai_telemetry.history.records import TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate
from soulsai_telemetry.http import HttpService

Family = GaugeMetricFamily | CounterMetricFamily
Samples = Sequence[tuple[dict[str, str], float]]

# Seconds after which a status says nothing about the training node any more. One comes every second.
_MAX_STATUS_AGE = 10.0


class PrometheusConfig(Settings):
    host: str = Field(default="127.0.0.1", description="Address to listen at; 0.0.0.0 if Prometheus is elsewhere.")
    port: int = Field(default=8083, ge=0, le=65535, description="Port to listen at; 0: any that is free.")
    hosts: HostNames = ()


class Prometheus:
    """Serves /metrics. Names begin with `soulsai_run_`, those of the process with `process_`; times are in seconds.

    Attributes:
        port: the port at which it listens.
    """

    def __init__(self, config: PrometheusConfig, context: ConnectorContext) -> None:
        self._collector = RunCollector(context.run)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._collector)
        ProcessCollector(registry=registry)

        def serve(_: Request) -> Response:
            return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

        self._service = HttpService(
            config.host,
            config.port,
            [Route("/metrics", serve)],
            section="the prometheus connector's ",
            hosts=config.hosts,
        )
        self.port = self._service.port
        self._service.start()

    @hookimpl
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        self._collector.update = update

    @hookimpl
    def status_received(self, status: TrainingStatus) -> None:
        self._collector.status = status

    def close(self) -> None:
        self._service.close()


class RunCollector(Collector):
    """Makes metric families of the latest update and the latest status, which are None before the first."""

    def __init__(self, run: str) -> None:
        self._run = run
        self.update: HistoryUpdate | None = None
        self.status: TrainingStatus | None = None

    def collect(self) -> Iterator[Family]:
        """Called at each scrape."""
        if self.update is not None:
            yield from _of_episodes(self.update)
        status = self.status  # once: the hook may replace it from its own thread meanwhile
        alive = status is not None and status.alive and time.time() - status.time < _MAX_STATUS_AGE
        yield _gauge("up", "The training node runs and reported lately", [({"run": self._run}, float(alive))])
        if status is not None:
            yield from _of_health(status.health)
            yield from _of_status(status)
            yield from _of_clients(status)


def _of_episodes(update: HistoryUpdate) -> Iterator[Family]:
    history = update.history
    averages = [(name, curve.average[-1]) for name in history.names if len((curve := history.curve(name)).average)]
    yield _counter("episodes", "Episodes recorded", [({}, history.episodes)])
    yield _gauge("metric_average", "Moving average of a metric", [({"metric": n}, float(v)) for n, v in averages])
    reports = [({"kind": kind}, count) for kind, count in update.reports.items()]
    yield _counter("odd_reports", "Episode reports that were late, repeated, garbled, foreign or incomplete", reports)
    if update.best is not None:
        yield _gauge(
            "best_average", "Best moving average so far", [({"metric": update.best.metric}, update.best.score)]
        )


def _of_health(health: Health) -> Iterator[Family]:
    states = [({"state": state}, float(state == health.state)) for state in LABELS]
    yield _gauge("state", "1 for the state of the training, 0 for all others", states)
    found = [({"name": condition.name, "level": condition.level}, 1.0) for condition in health.conditions]
    yield _gauge("condition", "1 for what keeps the training from learning", found)


def _of_status(status: TrainingStatus) -> Iterator[Family]:
    node = status.node
    yield _gauge("elapsed_seconds", "Time of training", [({}, node.elapsed)])
    yield _gauge("iteration", "Newest model iteration", [({}, node.iteration)])
    yield _gauge("iterations_per_second", "Model iterations made", [({}, node.iterations_per_second)])
    yield _counter("env_steps", "Environment steps admitted in the whole run", [({}, node.env_steps)])
    yield _gauge("env_steps_per_second", "Environment steps admitted", [({}, status.admitted_per_second)])
    yield _gauge("rejected_per_second", "Environment steps rejected", [({}, status.rejected_per_second)])
    rejected = [({"reason": reason}, count) for reason, count in node.rejected.items()]
    yield _counter("rejected", "Environment steps rejected since the node started", rejected)
    yield _gauge("acceptance_ratio", "Share of environment steps admitted", [({}, node.acceptance)])
    yield _gauge("backlog_messages", "Sample messages waiting in the server", [({}, node.backlog)])
    staleness = [({"unit": unit}, value) for unit, value in node.staleness.items()]
    yield _gauge("staleness", "Mean staleness of admitted environment steps", staleness)
    yield _gauge("clients", "Clients that are present", [({}, len(node.clients))])
    learner = dict(node.learner)
    if "update_seconds" in learner:
        yield _gauge("update_seconds", "Time of the last update", [({}, learner.pop("update_seconds"))])
    yield _gauge("learner", "Numbers reported by the learner", [({"name": n}, v) for n, v in learner.items()])


def _of_clients(status: TrainingStatus) -> Iterator[Family]:
    clients = status.clients

    def each(values: Iterable[float | None]) -> Samples:
        return [({"client": c.id}, v) for c, v in zip(clients, values, strict=True) if v is not None]

    yield _gauge("client_steps_per_second", "Environment steps played", each(c.steps_per_second for c in clients))
    yield _gauge("client_return", "Mean return of the last episodes", each(c.last_return for c in clients))
    yield _gauge("client_silence_seconds", "Time since the last heartbeat", each(c.silent for c in clients))
    yield _counter("client_admitted", "Environment steps admitted", each(c.admitted for c in clients))
    yield _counter("client_rejected", "Environment steps rejected", each(sum(c.rejected.values()) for c in clients))
    yield _counter("client_restarts", "Restarts of the environment", each(c.restarts for c in clients))


def _gauge(name: str, text: str, samples: Samples) -> Family:
    return _fill(GaugeMetricFamily(f"soulsai_run_{name}", text, labels=_labels(samples)), samples)


def _counter(name: str, text: str, samples: Samples) -> Family:
    return _fill(CounterMetricFamily(f"soulsai_run_{name}", text, labels=_labels(samples)), samples)


def _labels(samples: Samples) -> list[str]:
    return list(samples[0][0]) if samples else []


def _fill(family: Family, samples: Samples) -> Family:
    for labels, value in samples:
        family.add_metric(list(labels.values()), value)
    return family


plugin = ConnectorPlugin(name="prometheus", config=PrometheusConfig, make=Prometheus, home="telemetry")
