"""What the README shows works as it stands there."""

import re
from pathlib import Path

import pytest
import yaml

from soulsai_core import Catalog, load_config, resolve_telemetry
from soulsai_telemetry.testing import TelemetryConnectorContract

README = (Path(__file__).parents[2] / "soulsai_telemetry" / "README.md").read_text(encoding="utf-8")
PYTHON, YAML = (re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL) for kind in ("python", "yaml"))


@pytest.fixture(scope="session")
def bell():
    names = {}
    exec(PYTHON[0], names)
    return names


class TestBell(TelemetryConnectorContract):
    @pytest.fixture
    def plugin(self, bell):
        return bell["plugin"]

    @pytest.fixture
    def config(self, bell):
        return bell["BellConfig"]()


def test_the_bell_rings(bell, context, update, capsys):
    bell["Bell"](bell["BellConfig"](above=1), context).best_found(update(1, 3).best)
    assert capsys.readouterr().out == "\areturn 4.5 at episode 3\n"


@pytest.mark.parametrize("text", YAML)
def test_its_settings_are_valid(text, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(text)
    settings, connectors = resolve_telemetry(load_config(file, [], {}), Catalog())
    assert settings.moving_average == yaml.safe_load(text).get("telemetry", {}).get("config", {}).get(
        "moving_average", 50
    )
    assert len(connectors) == len(yaml.safe_load(text).get("connectors", []))


def test_every_connector_is_described():
    described = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    ours = {row.name for row in Catalog().listing() if row.distribution == "soulsai-telemetry"} - {"telemetry"}
    assert ours <= described


def test_every_hook_of_its_own_is_described():
    from soulsai_core import HookSpecs
    from soulsai_telemetry import TelemetrySpecs

    own = [name for name in vars(TelemetrySpecs) if not name.startswith("_")]
    assert own and all(f"`{name}(" in README for name in own)
    assert not set(own) & set(vars(HookSpecs))
