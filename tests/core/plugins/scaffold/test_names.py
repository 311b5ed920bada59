import keyword
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from soulsai_core.errors import PluginError
from soulsai_core.plugins.scaffold import Names, names_of
from soulsai_core.plugins.scaffold.names import check_unused


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("corridor", Names("corridor", "corridor", "Corridor")),
        ("My_Game.2", Names("my-game-2", "my_game_2", "MyGame2")),
        ("MyGame", Names("my-game", "my_game", "MyGame")),
        ("DQN", Names("dqn", "dqn", "Dqn")),
    ],
)
def test_all_names_follow_from_one(written, names):
    assert names_of(written) == names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "write up to 60 letters"),
        ("2048", "begin with a letter"),
        ("../game", "write up to 60 letters"),
        ("my game", "single hyphens"),
        ("game\n", "single hyphens"),
        ("spiel-ä", "single hyphens"),
        ("game-", "single hyphens"),
        ("a" * 61, "up to 60 letters"),
        ("class", "word of the language Python"),
        ("Match", "word of the language Python"),
        ("json", "standard library"),
        ("tests", "ordinary folder"),
        ("NUL", "Windows"),
        ("soulsai-game", "SoulsAI itself"),
    ],
)
def test_impossible_name_is_refused_with_the_reason(name, reason):
    with pytest.raises(PluginError, match=reason):
        names_of(name)


@example("a" * 59 + "!")  # would take years if the pattern went back over all ways to split it
@given(st.text(alphabet="abAB09-_.ſK!", max_size=70))
def test_accepted_names_are_valid_for_pip_and_for_python(name):
    try:
        names = names_of(name)
    except PluginError:
        return
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", names.distribution)
    assert names.package.isidentifier() and names.package.isascii() and not keyword.iskeyword(names.package)
    assert names.title.isidentifier()
    assert names_of(names.distribution) == names


def test_name_of_something_installed_is_refused():
    with pytest.raises(PluginError, match="A distribution 'numpy' is installed already"):
        check_unused(names_of("numpy"))
    with pytest.raises(PluginError, match="A module 'yaml' is installed already"):
        check_unused(names_of("yaml"))
    check_unused(names_of("a-game-that-nobody-has"))


def test_folder_with_the_name_of_the_package_is_nothing_installed(tmp_path, monkeypatch):
    (tmp_path / "corridor_of_nobody").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    check_unused(names_of("corridor-of-nobody"))
