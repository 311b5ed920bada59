"""What the installed distribution adds: commands, connectors, settings."""

import json
import subprocess
import sys
from importlib.metadata import distribution

import pytest
import yaml

from soulsai_core import Catalog
from soulsai_core.cli import main

ENTRIES = [entry for entry in distribution("soulsai-telemetry").entry_points if entry.group != "console_scripts"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.group}:{entry.name}")
def test_every_entry_point_loads(entry):
    assert entry.load() is not None


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES if entry.group == "soulsai.connectors"])
def test_every_connector_is_found_by_its_name_and_lives_in_the_telemetry_node(name):
    assert Catalog().connector(name).home == "telemetry"


@pytest.mark.parametrize("command", ["telemetry", "plot", "multirun", "runs"])
def test_every_command_has_help_and_imports_nothing_heavy_for_it(command):
    script = f"""
import sys
from soulsai_core.cli import main
try:
    main([{command!r}, "--help"])
except SystemExit as done:
    print("MODULES", done.code, *sys.modules)
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    code, *modules = output.partition("MODULES ")[2].split()
    assert code == "0"
    assert not {"numpy", "matplotlib", "pydantic", "redis", "rich", "torch"} & set(modules)


def test_default_configuration_has_the_settings_of_telemetry_with_comments(capsys):
    main(["config", "default"])
    text = capsys.readouterr().out
    config = yaml.safe_load(text)["telemetry"]
    assert (config["enabled"], config["config"]["update_interval"]) == (None, 2)
    assert "# Serve the live page." in text
    assert "token" not in config["config"]["page"] or config["config"]["page"]["token"] is None


def test_schema_has_the_settings_of_telemetry(capsys):
    main(["config", "schema"])
    schema = json.loads(capsys.readouterr().out)
    assert schema["$defs"]["TelemetrySettings"]["properties"]["config"]["$ref"].endswith("TelemetryConfig")


def test_importing_the_plugin_imports_no_matplotlib():
    script = "import sys; import soulsai_telemetry.plugin, soulsai_telemetry.connectors.figure; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"matplotlib", "torch", "redis"} & set(modules)
