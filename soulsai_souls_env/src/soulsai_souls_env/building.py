"""From a config to an environment: soulsgym's environment with the real or the simulated game, and our wrappers."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from soulsai_core import Environment, EnvironmentFailure, SingleEnvironment
from soulsai_souls_env.adapter import constructor_arguments, environment_class, import_soulsgym
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.error_messages import check_platform, environment_error
from soulsai_souls_env.spaces import layout_of
from soulsai_souls_env.timing import StepTimes, TimedEnvironment
from soulsai_souls_env.wrappers import (
    EpisodeOutcome,
    FocusCheck,
    InputCheck,
    RelativeVector,
    ResetErrors,
    SecondPhase,
    StateVector,
)

if TYPE_CHECKING:
    from soulsai_souls_env.simulated_game.game import SimulatedGame

_STEPS_PER_SECOND = 10.0
"""Of the environment, in game time."""

# The simulated game subclasses and uses types of soulsgym, so it is imported here only after `import_soulsgym`.


def build(config: SoulsConfig, seed: int | None) -> Environment:
    """One fight as an environment of SoulsAI.

    Raises:
        EnvironmentNotReady: if the player can put right what is missing, such as a game that is not running.
        EnvironmentFailure: for everything else, with what to do.
    """
    make = TimedEnvironment if config.is_timed else SingleEnvironment
    draw = _drawing(config.boss) if config.game == "simulated" else _nothing
    environment = make(make_gym(config, seed), config.id, seed, reset_at_once=False, draw=draw)
    environment.frames_per_second = _STEPS_PER_SECOND
    return environment


def _drawing(boss: str) -> Callable[[gymnasium.Env], np.ndarray]:
    """Draws the fight from above."""

    def draw(env: gymnasium.Env) -> np.ndarray:
        from soulsai_souls_env.drawing import draw as picture
        from soulsai_souls_env.snapshots import snapshot

        seconds = env.get_wrapper_attr("fight_seconds")
        won = env.get_wrapper_attr("won")
        return np.asarray(picture(snapshot(env.unwrapped), boss, seconds=seconds, won=won))

    return draw


def _nothing(_env: gymnasium.Env) -> Any:
    """The real game shows itself."""
    return None


def make_gym(config: SoulsConfig, seed: int | None) -> gymnasium.Env:
    """The same as an environment of gymnasium."""
    import_soulsgym()
    environment_class(config.id)  # raises an error that says more than what follows would, if there is none
    if config.game == "real":
        check_platform(config.id)
    env = _make_real(config) if config.game == "real" else _make_simulated(config, random.Random(seed))
    env = SecondPhase(env, config.boss) if config.phase == 2 else env
    times = StepTimes(ResetErrors(env, config.id))
    env = EpisodeOutcome(InputCheck(FocusCheck(times), times))
    if config.has_images:
        return _transform_images(env, config.image)
    env = StateVector(env, layout_of(config), config.boss, times if config.is_timed else None)
    return RelativeVector(env, layout_of(config)) if config.relative else env


def _make_real(config: SoulsConfig) -> gymnasium.Env:
    return _make(config, nullcontext())


def _make_simulated(config: SoulsConfig, rng: random.Random) -> gymnasium.Env:
    from soulsai_souls_env.simulated_game.patching import VirtualTimeReset, use_simulated_game, virtual_time

    game = _simulated_game(config, rng)
    with virtual_time(config.id, game, rng):
        env = _make(config, use_simulated_game(game))
    return VirtualTimeReset(env, config.id, game, rng)


def _simulated_game(config: SoulsConfig, rng: random.Random) -> SimulatedGame:
    from soulsai_souls_env.simulated_game.bosses import BOSSES
    from soulsai_souls_env.simulated_game.clock import VirtualClock
    from soulsai_souls_env.simulated_game.faults import Faults
    from soulsai_souls_env.simulated_game.game import SimulatedGame

    settings = config.simulation.faults
    # Generators of their own: whether faults are drawn does not change what the boss does.
    faults_rng = random.Random(rng.random())
    faults = Faults(
        faults_rng, settings.kinds, settings.every, exact=settings.exact, slow_frame_s=settings.slow_frame_s
    )
    return SimulatedGame(BOSSES[config.boss], random.Random(rng.random()), VirtualClock(config.simulation.pace), faults)


def _make(config: SoulsConfig, game: AbstractContextManager[None]) -> gymnasium.Env:
    """soulsgym's environment, made while `game` is in force."""
    limit: dict[str, Any] = {}
    if config.max_episode_steps is not None:
        limit["max_episode_steps"] = config.max_episode_steps
    try:
        with game:
            return gymnasium.make(config.id, disable_env_checker=True, **limit, **constructor_arguments(config))
    except EnvironmentFailure:
        raise
    except Exception as error:
        raise environment_error("start", config.id, error) from error


def _transform_images(env: gymnasium.Env, image: ImageConfig) -> gymnasium.Env:
    from gymnasium.wrappers import FrameStackObservation, GrayscaleObservation, ResizeObservation

    shape = env.observation_space.shape or ()
    if (image.height, image.width) != shape[:2]:
        env = ResizeObservation(env, (image.height, image.width))
    if image.gray:
        env = GrayscaleObservation(env)
    return FrameStackObservation(env, image.stack) if image.stack > 1 else env
