"""Makes environments from a config."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode, VectorEnv
from pydantic import ValidationError

from soulsai_core.config.errors import raise_if_any, sentences_of
from soulsai_core.config.sources import Sources
from soulsai_core.contracts import Environment
from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.config import Config, GymnasiumWrapper, WrapperChoice
from soulsai_core.environments.gym.failures import OLD_INTERFACE, construction, failed
from soulsai_core.environments.gym.gymnasium_wrappers import wrap
from soulsai_core.environments.gym.info_numbers import InfoNumbers
from soulsai_core.environments.gym.infos import has_mask
from soulsai_core.environments.gym.single import SingleEnvironment
from soulsai_core.environments.gym.spaces import ObservationLayout
from soulsai_core.environments.gym.vector import VectorEnvironment
from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import EnvSpec

log = logging.getLogger(__name__)

Wrap = Callable[[gymnasium.Env], Any]


# Seconds before the second and the third attempt to read a spec.
_PAUSES = (1.0, 2.0)


class _ResetFailed(Exception):
    """The environment was made, and its first reset failed."""


def read_spec(config: Config) -> EnvSpec:
    """The spec of the environment, which is made for this and closed again.

    A first reset that fails, or a connection that is refused, may be as transient as later ones: there are three
    attempts.
    """
    for pause in _PAUSES:
        try:
            return _read_spec(config)
        except EnvironmentFailure as error:
            if not isinstance(error.__cause__, OSError | _ResetFailed):
                raise
            log.warning("%s; trying again in %g s.", error, pause)
            time.sleep(pause)
    return _read_spec(config)


def _read_spec(config: Config) -> EnvSpec:
    with construction(config.id):
        if config.vectorization == "vector_entry_point":
            vector = _vector(config.model_copy(update={"num_envs": 1}))
            return _spec_of(config, vector, vector.single_observation_space, vector.single_action_space)
        env = _single(config, checked=True)
        return _spec_of(config, env, env.observation_space, env.action_space)


def build(config: Config, seed: int | None) -> Environment:
    """A single environment, or a vector for several and for every vector_entry_point."""
    with construction(config.id):
        if config.num_envs == 1 and config.vectorization != "vector_entry_point":
            # The last picture of an episode is there only until the reset.
            shows = "render_mode" in config.kwargs
            return SingleEnvironment(
                _single(config, checked=False), config.id, seed, reseeds=True, reset_at_once=not shows
            )
        vector = _vector(config)
        return VectorEnvironment(vector, config.id, seed, _mode(vector, config))


def can_draw(config: Config) -> bool:
    """Whether the environment's class says that it can draw itself. A function that makes one does not say, and may."""
    with construction(config.id):
        entry_point = gymnasium.spec(config.id).entry_point
        made_by = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
        metadata = getattr(made_by, "metadata", None)
        return metadata is None or "rgb_array" in metadata.get("render_modes", ())


def _spec_of(config: Config, env: Any, observation_space: Any, action_space: Any) -> EnvSpec:
    try:
        codec = action_codec(action_space)
        layout = ObservationLayout(observation_space)
        masked = codec.maskable > 0 and has_mask(_first_info(config, env))
        return EnvSpec(config.id, layout.specs, codec.spec, masked)
    finally:
        env.close()


def _first_info(config: Config, env: Any) -> Any:
    try:
        return env.reset(seed=0)[1]
    except Exception as error:
        failure = failed(config.id, "reset", error)
        # What is wrong with the interface stays wrong.
        raise failure from (error if OLD_INTERFACE in str(failure) else _ResetFailed(str(error)))


def _single(config: Config, *, checked: bool) -> gymnasium.Env:
    # gymnasium's checks of the interface take time at every step. `read_spec` has them on, which is enough.
    env = gymnasium.make(config.id, **{"disable_env_checker": not checked, **_arguments(config)})
    for wrapped in _wrappers(config):
        env = wrapped(env)
    return env


def _vector(config: Config) -> VectorEnv:
    if config.vectorization == "vector_entry_point":
        return gymnasium.make_vec(config.id, config.num_envs, config.vectorization, **_arguments(config))
    return gymnasium.make_vec(
        config.id,
        config.num_envs,
        config.vectorization,
        vector_kwargs={"copy": False, "autoreset_mode": _MODES[config.autoreset_mode]},
        wrappers=[*_wrappers(config), InfoNumbers],
        **_arguments(config),
    )


def _arguments(config: Config) -> dict[str, Any]:
    limit = {} if config.max_episode_steps is None else {"max_episode_steps": config.max_episode_steps}
    return {**config.kwargs, **limit}


_MODES = {
    "next_step": AutoresetMode.NEXT_STEP,
    "same_step": AutoresetMode.SAME_STEP,
    "disabled": AutoresetMode.DISABLED,
}


def _mode(vector: VectorEnv, config: Config) -> AutoresetMode:
    """The vector environment's own autoreset mode; that of the config if it names none."""
    return AutoresetMode(vector.metadata.get("autoreset_mode", _MODES[config.autoreset_mode]))


def _wrappers(config: Config) -> list[Wrap]:
    return [_wrapper(index, choice) for index, choice in enumerate(config.wrappers)]


def _wrapper(index: int, choice: WrapperChoice | GymnasiumWrapper) -> Wrap:
    if isinstance(choice, GymnasiumWrapper):
        return partial(wrap, name=choice.gymnasium, arguments=choice.arguments)
    from soulsai_core.plugins.catalog import Catalog

    plugin = Catalog().wrapper(choice.name)
    try:
        settings = plugin.config.model_validate(choice.config)
    except ValidationError as error:
        above = ("environment", "config", "wrappers", index, "config")
        raise_if_any(sentences_of(error, plugin.config, choice.config, Sources(), above))
        raise
    return partial(_apply, plugin.wrap, settings)


def _apply(wrap: Callable[[gymnasium.Env, Any], gymnasium.Env], settings: Any, env: gymnasium.Env) -> gymnasium.Env:
    return wrap(env, settings)
