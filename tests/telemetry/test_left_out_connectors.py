"""A connector that cannot be made costs its own output and nothing else."""

import socket

import pytest

from soulsai_core import Catalog, ConnectorContext, hookimpl
from soulsai_core.app import Observers
from soulsai_telemetry.hookspecs import TelemetrySpecs
from soulsai_telemetry.telemetry_process import register_connectors


@pytest.fixture
def taken_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_connectors_whose_port_is_taken_are_named_and_left_out(taken_port, tmp_path, caplog):
    catalog = Catalog()
    connectors = []
    for name in ("grafana", "prometheus", "json_file"):
        plugin = catalog.connector(name)
        settings = plugin.config(**({} if name == "json_file" else {"port": taken_port}))
        connectors.append((plugin, settings))
    events = []

    class Last:
        @hookimpl
        def training_stopped(self, reason):
            events.append(reason)

    observers = Observers(specs=TelemetrySpecs)
    register_connectors(observers, connectors, ConnectorContext("run", tmp_path, {}))
    observers.register("last", Last())
    observers.emit("training_stopped", reason="over")
    observers.close()
    left_out = [record.getMessage() for record in caplog.records if "is left out" in record.getMessage()]
    assert [line.split()[2] for line in left_out] == ["grafana", "prometheus"]
    assert all(str(taken_port) in line for line in left_out)
    assert events == ["over"]
