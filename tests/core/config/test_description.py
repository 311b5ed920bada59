import pytest
from pydantic import Field, SecretStr

from soulsai_core import Catalog
from soulsai_core.config import Settings, settings_of


class Tail(Settings):
    length: float = Field(default=0.5, gt=0, le=2, description="Length in meters.")


class Dog(Settings):
    name: str = Field(default="Rex", pattern="^[A-Z]", description="Its name,\n  in   one line.")
    kind: str | None = Field(default=None, min_length=2, description="Its breed.")
    legs: tuple[int, ...] = Field(default=(1, 2), max_length=4, description="Numbers of its legs.")
    place: tuple[int, int] = Field(default=(0, 0), description="Where it is.")
    tail: Tail = Field(default=Tail(length=1.5), description="Its tail.")
    spare: Tail | None = Field(default=None, description="Another tail.")
    tails: list[Tail] = Field(default=[], description="More of them.")
    chip: SecretStr = Field(default=SecretStr("hush"), description="What only its owner knows.")
    good: bool = Field(default=True, description="Whether it is good.")


class Node(Settings):
    next: "Node | None" = Field(default=None, description="The next one.")


@pytest.fixture
def settings():
    return {setting.name: setting for setting in settings_of(Dog)}


def test_each_setting_has_type_default_bounds_and_help(settings):
    assert settings["name"] == ("name", "text", "Rex", "of the form ^[A-Z]", "Its name, in one line.")
    assert settings["kind"][1:4] == ("text or null", None, "at least 2 characters")
    assert settings["legs"][1:4] == ("list of integers", [1, 2], "at most 4 items")
    assert settings["place"][1:4] == ("list of integer, integer", [0, 0], "")
    assert settings["good"][1:3] == ("true or false", True)


def test_settings_of_sections_follow_with_the_defaults_that_hold_there(settings):
    assert list(settings)[4:9] == ["tail", "tail.length", "spare", "spare.length", "tails"]
    assert settings["tail.length"][1:4] == ("number", 1.5, "> 0, <= 2")
    assert settings["spare"].type == "section or null"
    assert settings["spare.length"].default == 0.5
    assert settings["tails"].type == "list of sections"
    assert settings["tails[].length"].default == 0.5


def test_secrets_are_not_shown(settings):
    assert settings["chip"].type == "secret text"
    assert "hush" not in str(settings)


def test_section_that_contains_itself_is_described_once():
    assert [setting.name for setting in settings_of(Node)] == ["next"]


def test_settings_of_every_installed_plugin_can_be_described():
    catalog = Catalog()
    for row in catalog.listing():
        if row.kind != "preset" and row.error is None:
            settings = settings_of(catalog.chosen(row.kind, row.choice).config)
            assert all(setting.type and setting.help for setting in settings), row.name
