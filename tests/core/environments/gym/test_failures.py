"""What goes wrong inside an environment arrives as one sentence, with its cause."""

import copy
import sys

import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled

from soulsai_core.environments.gym.failures import construction, failed
from soulsai_core.errors import ConfigError, EnvironmentFailure, EnvironmentNotReady, PluginError, SpaceError

ACTION = np.zeros((1, 2), np.float32)


def test_unknown_id_names_the_nearest(plugin):
    with pytest.raises(EnvironmentFailure, match=r"'LunarLandr-v3' is not registered .* LunarLander-v3"):
        plugin.spec(plugin.config(id="LunarLandr-v3"))


def test_unknown_version_names_the_nearest(plugin):
    with pytest.raises(EnvironmentFailure, match=r"the nearest ids are .*CartPole-v1"):
        plugin.make(plugin.config(id="CartPole-v7"), None)


def test_id_like_no_other_says_how_another_package_is_named(plugin):
    with pytest.raises(EnvironmentFailure, match="module:Id"):
        plugin.spec(plugin.config(id="Zzzzzzzzzzzzzzz-v0"))


def test_module_that_is_not_installed_is_named(plugin):
    with pytest.raises(
        EnvironmentFailure, match=r"no module 'no_such_module' here .*no_such_module\.py into the folder"
    ):
        plugin.spec(plugin.config(id="no_such_module:Game-v0"))


def test_module_registers_its_environments_when_it_is_imported(plugin, tmp_path, monkeypatch):
    lines = "import gymnasium", "gymnasium.register('FromModule-v0', 'gymnasium.envs.classic_control:CartPoleEnv')"
    (tmp_path / "registering_module.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    assert plugin.spec(plugin.config(id="registering_module:FromModule-v0")).observations["observation"].shape == (4,)


@pytest.fixture
def no_box2d(monkeypatch):
    """As where gymnasium was installed without its extra."""
    for name in [name for name in sys.modules if name.startswith(("Box2D", "gymnasium.envs.box2d"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "Box2D", None)


@pytest.mark.parametrize("settings", [{}, {"num_envs": 2}, {"num_envs": 2, "vectorization": "async"}])
def test_default_environment_without_box2d_says_what_to_install(plugin, no_box2d, settings):
    sentence = r"^environment 'LunarLander-v3' needs Box2D, .*: pip install \"soulsai-core\[box2d\]\"$"
    with pytest.raises(EnvironmentFailure, match=sentence):
        plugin.spec(plugin.config(**settings))
    with pytest.raises(EnvironmentFailure, match=sentence):
        plugin.make(plugin.config(**settings), None)


def test_missing_package_of_another_extra_keeps_the_error_of_gymnasium():
    missing = DependencyNotInstalled('MuJoCo is not installed, run `pip install "gymnasium[mujoco]"`')
    with pytest.raises(EnvironmentFailure, match=r"could not be made: .*gymnasium\[mujoco\]"), construction("Ant-v5"):
        raise missing


def test_failing_construction_gives_the_cause(make):
    with pytest.raises(EnvironmentFailure, match="could not be made: OSError: the game is not installed") as caught:
        make("Fragile-v0", kwargs={"breaks": "init"})
    assert isinstance(caught.value.__cause__, OSError)


def test_wrong_keyword_is_a_sentence(plugin):
    with pytest.raises(EnvironmentFailure, match=r"could not be made: TypeError: .*no_such_option"):
        plugin.spec(plugin.config(id="CartPole-v1", kwargs={"no_such_option": 1}))


def test_failing_step_gives_the_cause(make):
    environment = make("Fragile-v0", kwargs={"breaks": "step"})
    environment.reset()
    with pytest.raises(EnvironmentFailure, match="failed in step: RuntimeError: the game has crashed") as caught:
        environment.step(ACTION)
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.filterwarnings("ignore:.*ERROR")  # gymnasium reports what its processes raised
@pytest.mark.parametrize("vectorization", ["sync", "async"])
def test_failing_step_in_a_vector_leaves_nothing_behind(make, vectorization):
    environment = make("Fragile-v0", num_envs=2, vectorization=vectorization, kwargs={"breaks": "step"})
    environment.reset()
    with pytest.raises(EnvironmentFailure, match="the game has crashed"):
        environment.step(np.zeros((2, 2), np.float32))
    processes = getattr(environment._env, "processes", [])
    environment.close()
    assert not any(process.is_alive() for process in processes)


def test_observation_that_does_not_fit_its_space_is_a_failure(make):
    environment = make("Fragile-v0", kwargs={"breaks": "shape"})
    environment.reset()
    with pytest.raises(EnvironmentFailure, match="failed in step: ValueError"):
        environment.step(ACTION)


def test_reset_that_fails_after_an_end_does_not_cost_the_last_step(make):
    environment = make("Fragile-v0", kwargs={"breaks": "second reset"})
    environment.reset()
    last = environment.step(ACTION)
    assert last.terminated[0] and last.rewards[0] == 1
    assert last.observations["observation"].tolist() == [[0.5, 0.5]] and last.final == {}
    with pytest.raises(EnvironmentFailure, match="failed in reset: TimeoutError: the level did not load"):
        environment.step(ACTION)
    assert environment.reset().observations["observation"].tolist() == [[0.0, 0.0]]


def test_environment_is_closed_once_even_if_that_fails(make):
    environment = make("Fragile-v0", kwargs={"breaks": "close"})
    environment.close()
    environment.close()
    assert environment._env.unwrapped.closed == 1


@pytest.mark.parametrize("breaks", ["step", "shape"])
def test_mistake_of_an_environment_is_not_blamed_on_a_wrapper_around_it(make, breaks):
    wrappers = [{"name": "clip_reward"}, {"name": "scale_reward"}]
    environment = make("Fragile-v0", kwargs={"breaks": breaks}, wrappers=wrappers)
    environment.reset()
    with pytest.raises(EnvironmentFailure, match=r"^environment .* failed in step: ") as caught:
        environment.step(ACTION)
    assert "wrapper" not in str(caught.value)


def test_copy_of_a_wrapped_environment_is_stepped_by_itself(make):
    wrapped = make("Counter-v0", wrappers=[{"name": "clip_reward"}, {"name": "scale_reward"}], kwargs={"masked": False})
    wrapped.reset()
    wrapped.step(np.zeros(1, np.int64))
    copied = copy.deepcopy(wrapped._env)
    copied.step(5)
    steps = copied.unwrapped.step_number, wrapped._env.unwrapped.step_number
    assert steps == (2, 1)


def test_wrapper_for_a_vector_version_is_refused(plugin):
    with pytest.raises(ValueError, match="wrappers do not apply to vectorization: vector_entry_point"):
        plugin.config(vectorization="vector_entry_point", wrappers=[{"name": "clip_reward"}])


def test_wrong_setting_of_a_wrapper_has_its_path(plugin):
    config = plugin.config(id="CartPole-v1", wrappers=[{"name": "clip_reward", "config": {"hgih": 3}}])
    with pytest.raises(ConfigError, match=r"environment\.config\.wrappers\[0\]\.config\.hgih"):
        plugin.spec(config)


def test_unknown_wrapper_is_named(plugin):
    with pytest.raises(PluginError, match="clip_rewrad"):
        plugin.spec(plugin.config(id="CartPole-v1", wrappers=[{"name": "clip_rewrad"}]))


def test_unsupported_spaces_are_a_space_error(plugin):
    import gymnasium
    from gymnasium import spaces

    class Chat(gymnasium.Env):
        observation_space, action_space = spaces.Text(9), spaces.Discrete(2)

    gymnasium.register("soulsai-test/Chat-v0", Chat)
    try:
        with pytest.raises(SpaceError, match="Text"):
            plugin.spec(plugin.config(id="soulsai-test/Chat-v0"))
    finally:
        del gymnasium.registry["soulsai-test/Chat-v0"]


def test_failures_that_an_environment_raises_keep_their_sentence():
    """Wrappers of games raise failures with sentences of their own."""
    error = EnvironmentFailure("The game lost the focus.")
    assert str(failed("Game-v0", "step", error)) == "The game lost the focus."


def test_environment_that_is_not_ready_yet_stays_that():
    failure = failed("Game-v0", "reset", EnvironmentNotReady("The game is not running."))
    assert type(failure) is EnvironmentNotReady and str(failure) == "The game is not running."
