"""The telemetry node's settings: checked where it is installed, kept where it is not."""

import pytest

from soulsai_core.config import config_schema, default_yaml, load_config, resolve, resolve_telemetry
from soulsai_core.errors import ConfigError, PluginError

TELEMETRY = """
from pydantic import Field, SecretStr
from soulsai_core.config import Settings
from soulsai_core.contracts import TelemetryPlugin

class Config(Settings):
    window: int = Field(default=50, ge=1, description="Episodes averaged.")
    token: SecretStr | None = Field(default=None, description="Something to hide.")

plugin = TelemetryPlugin(config=Config)
"""
CONNECTOR = """
from pydantic import Field
from soulsai_core.config import Settings
from soulsai_core.contracts import ConnectorPlugin

class Config(Settings):
    port: int = Field(default=8000, description="Port.")

plugin = ConnectorPlugin(name="{name}", config=Config, make=print, home="{home}")
"""


def with_telemetry(site, code=TELEMETRY):
    site.add("telemetry", "telemetry", "soulsai-telemetry", code=code)
    return site.catalog()


def test_telemetry_that_is_installed_is_resolved_with_its_defaults_and_without_its_secrets(catalog, site):
    config = load_config(None, ["telemetry.config.token=hush"], {})
    resolved = resolve(config, with_telemetry(site))
    assert resolved.telemetry_config.window == 50
    assert resolved.public()["telemetry"] == {"enabled": None, "config": {"window": 50}}


def test_a_wrong_setting_of_telemetry_is_named_with_its_path(catalog, site):
    with pytest.raises(ConfigError, match=r"telemetry\.config\.window: must be at least 1"):
        resolve(load_config(None, ["telemetry.config.window=0"], {}), with_telemetry(site))


def test_without_telemetry_its_settings_are_kept_for_others_and_nothing_is_resolved(catalog):
    resolved = resolve(load_config(None, ["telemetry.config.window=7"], {}), catalog)
    assert resolved.telemetry_config is None
    assert resolved.config.telemetry.config == {"window": 7}


def test_telemetry_switched_off_is_not_resolved(catalog, site):
    assert resolve(load_config(None, ["telemetry.enabled=false"], {}), with_telemetry(site)).telemetry_config is None


def test_telemetry_that_is_asked_for_and_missing_names_its_distribution(catalog):
    with pytest.raises(PluginError, match="pip install soulsai-telemetry"):
        resolve(load_config(None, ["telemetry.enabled=true"], {}), catalog)


def test_broken_telemetry_that_was_not_asked_for_is_logged_and_changes_nothing(catalog, site, caplog):
    broken = with_telemetry(site, "1 / 0")
    assert resolve(load_config(None, [], {}), broken).telemetry_config is None
    assert "division by zero" in caplog.text
    with pytest.raises(PluginError, match="division by zero"):
        resolve(load_config(None, ["telemetry.enabled=true"], {}), broken)


def test_the_telemetry_node_needs_neither_algorithm_nor_environment_installed(site):
    site.add("connectors", "wall", "soulsai-wall", code=CONNECTOR.format(name="wall", home="telemetry"))
    site.add("connectors", "printer", "soulsai-print", code=CONNECTOR.format(name="printer", home="training"))
    config = load_config(None, ["connectors=[{name: wall, config: {port: 9}}, {name: printer}]"], {})
    settings, connectors = resolve_telemetry(config, with_telemetry(site))
    assert settings.window == 50
    assert [(plugin.name, chosen.port) for plugin, chosen in connectors] == [("wall", 9)]


def test_the_schema_and_the_default_file_show_its_settings(catalog, site):
    installed = with_telemetry(site)
    schema = config_schema(installed)
    reference = schema["$defs"]["TelemetrySettings"]["properties"]["config"]["$ref"].rpartition("/")[2]
    assert "window" in schema["$defs"][reference]["properties"]
    assert "# Episodes averaged." in default_yaml(installed)
