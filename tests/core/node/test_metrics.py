"""Prometheus metrics of the node."""

import socket
import urllib.request

import pytest

from soulsai_core.errors import ConfigError
from soulsai_core.node.metrics import NodeMetrics


def test_metrics_are_served_until_they_are_stopped(free_port):
    metrics = NodeMetrics()
    metrics.admitted.labels("pc").inc(5)
    stop = metrics.serve(free_port)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics") as answer:
        assert 'soulsai_samples_admitted_total{client="pc"} 5.0' in answer.read().decode()
    stop()
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=5)


def test_metrics_are_served_at_the_chosen_address_alone(free_port):
    """On Linux all of 127.0.0.0/8 is this machine."""
    stop = NodeMetrics().serve(free_port, "127.0.0.2")
    try:
        assert urllib.request.urlopen(f"http://127.0.0.2:{free_port}/metrics", timeout=5).status == 200
        with pytest.raises(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=5)
    finally:
        stop()


def test_address_of_another_machine_is_named(free_port):
    with pytest.raises(ConfigError, match=rf"training\.prometheus_port is {free_port}.* at 192\.0\.2\.1 \("):
        NodeMetrics().serve(free_port, "192.0.2.1")


def test_port_that_is_taken_is_named_with_its_setting():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"training\.prometheus_port is {port}.*null to switch monitoring off"):
            NodeMetrics().serve(port)


def test_two_nodes_in_one_process_have_metrics_of_their_own():
    first, second = NodeMetrics(), NodeMetrics()
    first.admitted.labels("pc").inc(5)
    assert second.registry.get_sample_value("soulsai_samples_admitted_total", {"client": "pc"}) is None


def test_client_is_forgotten_with_all_its_series_and_no_other_is():
    metrics = NodeMetrics()
    for client in ("a", "b"):
        metrics.admitted.labels(client).inc()
        metrics.count_rejected(client, "stale", 1)
        metrics.count_rejected(client, "dtype", 1)
    metrics.forget_client("a")
    metrics.forget_client("never seen")
    left = {s.labels["client"] for f in metrics.registry.collect() for s in f.samples if "client" in s.labels}
    assert left == {"b"}
