"""Our connectors fulfill the contract of connectors."""

import pytest

from soulsai_core import ConnectorPlugin, Settings, hookimpl
from soulsai_telemetry.connectors import figure, grafana, json_file, mlflow, prometheus, tensorboard, wandb
from soulsai_telemetry.testing import TelemetryConnectorContract


class TestJsonFile(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return json_file.plugin

    @pytest.fixture
    def config(self):
        return json_file.JsonFileConfig(file="episodes.json")


class TestFigure(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return figure.plugin

    @pytest.fixture
    def config(self):
        return figure.FigureConfig(metrics=("return",), interval_s=0)


class TestGrafana(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return grafana.plugin

    @pytest.fixture
    def config(self):
        return grafana.GrafanaConfig(port=0)


class TestPrometheus(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return prometheus.plugin

    @pytest.fixture
    def config(self):
        return prometheus.PrometheusConfig(port=0)


class TestTensorBoard(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        pytest.importorskip("tensorboard")
        return tensorboard.plugin

    @pytest.fixture
    def config(self):
        return tensorboard.TensorBoardConfig(axis="step")


class TestWandb(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        pytest.importorskip("wandb")
        return wandb.plugin

    @pytest.fixture
    def config(self):
        return wandb.WandbConfig(mode="offline")


class TestMlflow(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return mlflow.plugin

    @pytest.fixture
    def config(self, mlflow_context):
        database = mlflow_context.folder / "mlflow.db"
        return mlflow.MlflowConfig(tracking_uri=f"sqlite:///{database}", experiment="contract")


class Printer:
    """A connector of a third party."""

    def __init__(self, config, context):
        self.lines = []

    @hookimpl
    def episodes_recorded(self, update):
        self.lines += [f"{record.number}: {record.values}" for record in update.records]


class PrinterConfig(Settings):
    pass


class TestThirdParty(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self):
        return ConnectorPlugin("printer", PrinterConfig, Printer, home="telemetry")

    @pytest.fixture
    def config(self):
        return PrinterConfig()
