"""Names that look like numbers stay as they were written, where text is wanted."""

import pytest
from pydantic import BaseModel, SecretStr

from soulsai_core.config import load_config, resolve
from soulsai_core.config.layers import read_file
from soulsai_core.config.numeric_text import restore_texts
from soulsai_core.config.sources import Layer, Sources
from soulsai_core.config.yaml_text import load, load_written
from soulsai_core.plugins.catalog import Catalog

ODD = ["007", "1_000", "2024_05", "1e5", "12e45678", "0x10", "1.10", "0o17", "2024-05-01"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ODD)
def test_a_name_stays_as_it_was_written_in_every_layer(here, name):
    assert load_config(None, [f"run.name={name}"], {}).run.name == name
    assert load_config(None, [], {"SOULSAI_RUN__NAME": name}).run.name == name
    (here / "config.yaml").write_text(f"run: {{name: {name}}}\n")
    assert load_config(None, [], {}).run.name == name


def test_the_highest_layer_gives_the_text(here):
    (here / "config.yaml").write_text("run: {name: 007, seed: 007}\n")
    config = load_config(None, ["run.name=0x10"], {"SOULSAI_RUN__NAME": "1e5"})
    assert config.run.name == "0x10"
    assert config.run.seed == 7, "where a number is wanted it is one"


class Inner(BaseModel):
    words: tuple[str, ...] = ()


class Model(BaseModel):
    text: str = ""
    maybe: str | None = None
    either: int | str = 0
    secret: SecretStr = SecretStr("")
    table: dict[str, str] = {}
    inner: Inner = Inner()
    many: list[Inner] = []
    anything: dict[str, object] = {}


def test_text_is_found_in_lists_tables_and_models_and_nothing_else_changes():
    text = """
text: 1_000
maybe: 0x10
either: 007
secret: 0123456
table: {a: 1e5, b: 1_0}
inner: {words: [001, 0.10]}
many: [{words: [1:30]}]
anything: {a: 1e5}
unknown: 007
"""
    sources = Sources([Layer("file", load(text, "file"), load_written(text))])
    assert restore_texts(load(text, "file"), Model, sources) == {
        "text": "1_000",
        "maybe": "0x10",
        "either": 7,
        "secret": "0123456",
        "table": {"a": "1e5", "b": "1_0"},
        "inner": {"words": ["001", "0.10"]},
        "many": [{"words": ["1:30"]}],
        "anything": {"a": 1e5},
        "unknown": 7,
    }


def test_nothing_stays_nothing():
    sources = Sources([Layer("file", {"maybe": None}, {"maybe": "null"})])
    assert restore_texts({"maybe": None}, Model, sources) == {"maybe": None}


@pytest.mark.parametrize("token", ["0123456789012345", "123456789012e345", "1_234_567_890_123"])
def test_text_of_a_plugin_stays_as_it_was_written(token):
    config = load_config(None, [f"telemetry.config.page.token={token}"], {})
    assert resolve(config, Catalog()).telemetry_config.page.token.get_secret_value() == token


def test_name_of_an_argument_in_a_variable_keeps_its_letters():
    environ = {
        "SOULSAI_ENVIRONMENT__CONFIG__KWARGS__renderMode": "human",
        "SOULSAI_ENVIRONMENT__CONFIG__ID": "CartPole-v1",
        "SOULSAI_Run__Seed": "3",
    }
    config = load_config(None, [], environ)
    assert config.environment.config == {"kwargs": {"renderMode": "human"}, "id": "CartPole-v1"}
    assert config.run.seed == 3


def test_empty_file_has_no_texts(here):
    (here / "config.yaml").write_text("# nothing\n")
    assert read_file(here / "config.yaml").texts == {}
