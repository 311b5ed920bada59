"""What is said when something is missing."""

from __future__ import annotations

import sys

import gymnasium
import pytest

from soulsai_core import EnvironmentFailure
from soulsai_souls_env import building
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin
from soulsai_souls_env.soulsgym_access import import_soulsgym
from soulsai_souls_env.troubles import cannot_start


@pytest.fixture
def on_windows(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Windows")


def test_real_game_elsewhere_than_on_windows(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    with pytest.raises(EnvironmentFailure, match=r"needs Windows, and this is Linux\. .*game: simulated"):
        plugin.make(SoulsConfig(), None)


def test_spec_needs_neither_windows_nor_the_game_nor_soulsgym(monkeypatch):
    monkeypatch.setitem(sys.modules, "soulsgym", None)
    assert plugin.spec(SoulsConfig()).observations["observation"].shape == (74,)


@pytest.mark.filterwarnings("ignore:.*already in registry")
@pytest.mark.parametrize("name", ["soulsgym", "pymem", "cv2"])
def test_missing_package_is_named(monkeypatch, name):
    for module in [module for module in sys.modules if module.partition(".")[0] in ("soulsgym", name)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EnvironmentFailure, match=f"{name} is not installed here"):
        import_soulsgym()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (RuntimeError("Process DarkSoulsIII.exe not open"), "is not running"),
        (Exception("Window not found: DarkSoulsIII"), "window was not found"),
        (type("GameStateError", (Exception,), {})("Player is not loaded into the game"), "Load your character"),
        (RuntimeError("Image autocrop failed: ... Please set the game resolution to 800x450."), "800x450"),
        (type("InjectionFailure", (Exception,), {})(), "as administrator"),
        (ValueError("something new"), "ValueError: something new"),
    ],
)
def test_error_at_the_start_comes_with_advice(monkeypatch, on_windows, error, advice):
    def fails(*args, **kwargs):
        raise error

    monkeypatch.setattr(building.gymnasium, "make", fails)
    with pytest.raises(EnvironmentFailure, match=advice) as raised:
        plugin.make(SoulsConfig(), None)
    assert type(error).__name__ in str(raised.value)


def test_unknown_environment_is_named():
    with pytest.raises(EnvironmentFailure, match="SoulsGymNobody-v0"):
        plugin.spec(SoulsConfig(id="SoulsGymNobody-v0"))


def test_missing_error_class_is_put_back_once():
    import_soulsgym()
    first = gymnasium.error.RetriesExceededError
    import_soulsgym()
    assert gymnasium.error.RetriesExceededError is first
    assert issubclass(first, gymnasium.error.Error)


def test_advice_is_one_sentence_after_another():
    assert "  " not in str(cannot_start("SoulsGymIudex-v0", ValueError("x")))
