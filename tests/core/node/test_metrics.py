"""Prometheus metrics of the node."""

from soulsai_core.node.metrics import NodeMetrics


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
