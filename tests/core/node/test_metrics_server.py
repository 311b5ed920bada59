"""The training node's metrics are served within bounds."""

import http.client
import socket

import pytest
from waiting import DEADLINE_S, wait_for

from soulsai_core.errors import ConfigError
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.metrics_server import MetricsServer


@pytest.fixture
def served(free_port):
    """(host, hosts, seconds) -> a running server."""
    servers = []

    def serve(host="127.0.0.1", hosts=(), seconds=DEADLINE_S):
        metrics = NodeMetrics()
        metrics.admitted.labels("pc").inc(5)
        server = MetricsServer(metrics.registry, host, free_port, hosts, seconds)
        servers.append(server)
        server.start()
        return server

    yield serve
    for server in servers:
        server.close()


def get(port, name="localhost", address="127.0.0.1"):
    """Status and text of the answer to a request for this name."""
    connection = http.client.HTTPConnection(address, port, timeout=DEADLINE_S)
    connection.request("GET", "/metrics", headers={"Host": name})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def connected(port):
    return socket.create_connection(("127.0.0.1", port), DEADLINE_S)


def is_cut(connection):
    try:
        return connection.recv(1000) == b""
    except ConnectionError:
        return True


def test_metrics_are_served_until_they_are_stopped(served, free_port):
    server = served()
    assert 'soulsai_samples_admitted_total{client="pc"} 5.0' in get(free_port)[1]
    server.close()
    with pytest.raises(OSError):
        get(free_port)


def test_metrics_are_served_at_the_chosen_address_alone(served, free_port):
    """On Linux all of 127.0.0.0/8 is this machine."""
    served("127.0.0.2")
    assert get(free_port, address="127.0.0.2")[0] == 200
    with pytest.raises(OSError):
        get(free_port)


def test_address_of_another_machine_is_named(free_port):
    with pytest.raises(ConfigError, match=rf"training\.prometheus_port is {free_port}.* at 192\.0\.2\.1 \("):
        MetricsServer(NodeMetrics().registry, "192.0.2.1", free_port)


def test_port_that_is_taken_is_named_with_its_setting():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"training\.prometheus_port is {port}.*null to serve no metrics"):
            MetricsServer(NodeMetrics().registry, "127.0.0.1", port)


def test_only_requests_for_known_names_are_answered(served, free_port):
    served(hosts=["training_node"])
    assert [get(free_port, name)[0] for name in ("training_node:8084", "127.0.0.1", "LOCALHOST")] == [200] * 3
    status, text = get(free_port, "rebound.example.org")
    assert status == 400 and "add it to training.prometheus_hosts" in text and "soulsai_" not in text


def test_silent_and_slow_connections_are_cut(served, free_port):
    served(seconds=0.1)
    with connected(free_port) as silent, connected(free_port) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x")
        assert is_cut(silent) and is_cut(slow)


def test_new_connections_take_the_place_of_the_oldest(served, free_port):
    server = served()
    silent = [connected(free_port) for _ in range(100)]
    assert get(free_port)[0] == 200
    assert is_cut(silent[0])
    wait_for("the bound", lambda: len(server._server._open) <= 32)
    for connection in silent:
        connection.close()
