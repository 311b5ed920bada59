"""Settings that the pages show or name exist, and fit together."""

import re

import pytest
import yaml
from pydantic import BaseModel
from tests.docs import pages

from soulsai_core import Config, load_config
from soulsai_core.config import resolve

FILES = ("secret", "key", "yaml", "json", "jsonl", "join", "png", "md")
NAME = re.compile(r"(?P<path>[a-z_]+(\.[a-z_0-9]+)+)(=\S*)?")


def shown(page):
    """Names of settings between backticks, such as client.isolate, or with a value behind them."""
    for span in pages.spans(page):
        match = NAME.fullmatch(span.removeprefix("--set "))
        if match and match["path"].split(".")[0] in Config.model_fields and not span.endswith(FILES):
            yield match["path"].split(".")


def models_of(catalog, kind):
    plugins = [catalog.telemetry()] if kind == "telemetry" else catalog.usable(kind)
    return [plugin.config for plugin in plugins]


def exists(model, path):
    """Whether the path leads through models to a field; what lies below a mapping is not known."""
    field = model.model_fields.get(path[0])
    if field is None or len(path) == 1:
        return field is not None
    inner = [kind for kind in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(kind, type)]
    below = [kind for kind in inner if issubclass(kind, BaseModel)]
    return any(exists(kind, path[1:]) for kind in below) if below else dict in inner


@pytest.fixture(scope="session")
def is_setting(catalog):
    models = {kind: models_of(catalog, kind) for kind in ("algorithm", "environment", "telemetry")}

    def look(path):
        if path[0] in models and path[1] == "config" and len(path) > 2:
            return any(exists(model, path[2:]) for model in models[path[0]])
        return exists(Config, path)

    return look


@pytest.mark.parametrize("block", pages.all_blocks("yaml"), ids=lambda block: block.place)
def test_settings_of_a_page_are_valid(block, catalog, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(block.text, encoding="utf-8")
    config = resolve(load_config(file, [], {}), catalog).config
    connectors = yaml.safe_load(block.text).get("connectors", [])
    assert [part.name for part in config.connectors] == [connector["name"] for connector in connectors]


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_settings_that_a_page_names_exist(page, is_setting):
    unknown = [".".join(path) for path in shown(page) if not is_setting(path)]
    assert not unknown


@pytest.mark.parametrize("algorithm", ["dqn", "ppo", "sac"])
def test_settings_in_the_tables_of_an_algorithm_exist(algorithm, catalog):
    """In PPO's table the settings stand in the second column, next to the details of a paper."""
    page = pages.ROOT / f"soulsai_{algorithm}" / "README.md"
    cells = [row[0] for row in pages.table(page, "setting")] + [row[1] for row in pages.table(page, "detail")]
    names = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert names <= set(catalog.algorithm(algorithm).config.model_fields)


def test_every_setting_of_dqn_is_described(catalog):
    page = pages.ROOT / "soulsai_dqn" / "README.md"
    described = {name for row in pages.table(page, "setting") for name in re.findall(r"`(\w+)`", row[0])}
    assert set(catalog.algorithm("dqn").config.model_fields) - described <= {"threads"}


def test_every_preset_and_connector_of_ours_is_described(catalog):
    readme = {
        name: pages.text(pages.ROOT / f"soulsai_{name}" / "README.md")
        for name in ("dqn", "ppo", "sac", "souls_env", "telemetry")
    }
    homes = {
        "soulsai.presets": readme["dqn"] + readme["ppo"] + readme["sac"] + readme["souls_env"],
        "soulsai.connectors": readme["telemetry"],
    }
    rows = [row for row in catalog.listing() if row.group in homes and row.distribution.startswith("soulsai-")]
    assert rows and not [row.name for row in rows if f"| `{row.name}` |" not in homes[row.group]]
