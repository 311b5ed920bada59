"""The error messages for what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys

import gymnasium
import pytest
from pymem.exception import MemoryReadError

from soulsai_core import EnvironmentFailure, EnvironmentNotReady
from soulsai_souls_env import building
from soulsai_souls_env.adapter import import_soulsgym
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.error_messages import environment_error
from soulsai_souls_env.plugin import plugin


@pytest.fixture
def on_windows(monkeypatch):
    import_soulsgym()  # before the patch: afterwards soulsgym would import modules of Windows
    monkeypatch.setattr("platform.system", lambda: "Windows")


def test_real_game_that_does_not_run_elsewhere_than_on_windows(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    with pytest.raises(EnvironmentFailure, match=r"no DarkSoulsIII\.exe runs on this Linux\. .*game: simulated"):
        plugin.make(SoulsConfig(), None)


@pytest.mark.skipif(sys.platform != "linux", reason="a process of this name that is no game runs on Linux only")
def test_game_that_runs_on_linux_is_tried_and_what_is_missing_is_said(tmp_path):
    game = tmp_path / "DarkSoulsIII.exe"
    shutil.copy("/bin/sleep", game)
    with subprocess.Popen([game, "600"]) as running:
        try:
            with pytest.raises(EnvironmentFailure, match=r"reaches it on Windows only.*Proton.*win32"):
                plugin.make(SoulsConfig(), None)
        finally:
            running.kill()


def test_memory_that_may_not_be_read_is_a_matter_of_permissions():
    error = environment_error("start", "Game-v0", PermissionError(1, "Operation not permitted", "/proc/7/mem"))
    assert "ptrace_scope" in str(error) and type(error) is EnvironmentFailure


def test_spec_needs_neither_windows_nor_the_game_nor_soulsgym(monkeypatch):
    monkeypatch.setitem(sys.modules, "soulsgym", None)
    assert plugin.spec(SoulsConfig()).observations["observation"].shape == (96,)


@pytest.mark.filterwarnings("ignore:.*already in registry")
@pytest.mark.parametrize("name", ["soulsgym", "pymem", "cv2"])
def test_missing_package_is_named(monkeypatch, name):
    for module in [module for module in sys.modules if module.partition(".")[0] in ("soulsgym", name)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EnvironmentFailure, match=f"{name} is not installed here"):
        import_soulsgym()


def game_state_error(text):
    return type("GameStateError", (Exception,), {})(text)


RECOVERABLE = [
    (RuntimeError("Process DarkSoulsIII.exe not open"), "is not running"),
    (type("InjectionFailure", (Exception,), {})("Process DarkSoulsIII.exe not found."), "is not running"),
    (Exception("Window not found: DarkSoulsIII"), "window was not found"),
    (game_state_error("Player is not loaded into the game"), "Load your character"),
    (game_state_error("Player does not seem to be ingame"), "Load your character"),
    (RuntimeError("Image autocrop failed: ... Please set the game resolution to 800x450."), "800x450"),
    (MemoryReadError(0, 4), "starting or loading"),
]
PERMANENT = [
    (type("InjectionFailure", (Exception,), {})(), "as administrator"),
    (RuntimeError("Pattern for 'WorldChrMan' could not be resolved!"), "not the version"),
    (ValueError("something new"), "ValueError: something new"),
]


@pytest.fixture
def fails(monkeypatch, on_windows):
    """A function that makes `gymnasium.make` raise an error."""

    def fail_with(error):
        def make(*args, **kwargs):
            raise error

        monkeypatch.setattr(building.gymnasium, "make", make)

    return fail_with


@pytest.mark.parametrize(("error", "advice"), RECOVERABLE)
def test_error_that_the_player_can_put_right_has_advice_and_may_be_retried(fails, error, advice):
    fails(error)
    with pytest.raises(EnvironmentNotReady, match=advice) as raised:
        plugin.make(SoulsConfig(), None)
    assert type(error).__name__ in str(raised.value)


@pytest.mark.parametrize(("error", "advice"), PERMANENT)
def test_other_errors_at_the_start_are_final(fails, error, advice):
    fails(error)
    with pytest.raises(EnvironmentFailure, match=advice) as raised:
        plugin.make(SoulsConfig(), None)
    assert type(raised.value) is EnvironmentFailure and type(error).__name__ in str(raised.value)


def test_environment_that_soulsgym_does_not_have_is_final(on_windows):
    with pytest.raises(EnvironmentFailure, match="SoulsGymIudex-v9") as raised:
        plugin.make(SoulsConfig(id="SoulsGymIudex-v9"), None)
    assert type(raised.value) is EnvironmentFailure


def test_game_that_is_gone_at_the_first_reset_may_be_retried():
    environment = plugin.make(SoulsConfig(game="simulated"), 0)
    environment._env.unwrapped.game.faults.inject("crash")
    with pytest.raises(EnvironmentNotReady, match=r"SoulsGymIudex-v0 could not reset\. .* Load your character"):
        environment.reset()


def test_unknown_environment_is_named():
    with pytest.raises(EnvironmentFailure, match="SoulsGymNobody-v0"):
        plugin.spec(SoulsConfig(id="SoulsGymNobody-v0"))


def test_class_that_gymnasium_removed_is_added_once():
    import_soulsgym()
    first = gymnasium.error.RetriesExceededError
    import_soulsgym()
    assert gymnasium.error.RetriesExceededError is first
    assert issubclass(first, gymnasium.error.Error)


def test_unknown_error_is_shown_as_it_is():
    assert str(environment_error("start", "Game-v0", ValueError("x"))) == "Game-v0 could not start. (ValueError: x)"
