"""From a config to an environment: soulsgym's own, around either game."""

from __future__ import annotations

import random
from contextlib import nullcontext
from typing import Any

import gymnasium

from soulsai_core import Environment, EnvironmentFailure, SingleEnvironment
from soulsai_souls_env.config import ImageConfig, SoulsConfig
from soulsai_souls_env.error_messages import cannot, check_platform
from soulsai_souls_env.soulsgym_access import import_soulsgym
from soulsai_souls_env.spaces import layout_of
from soulsai_souls_env.wrappers import Advised, InFocus, Outcome, Responsive, StateVector


def build(config: SoulsConfig, seed: int | None) -> Environment:
    """One fight. Raises EnvironmentFailure that says what is missing, EnvironmentNotReady if the player can help."""
    return SingleEnvironment(make_gym(config, seed), config.id, seed, reset_at_once=False)


def make_gym(config: SoulsConfig, seed: int | None) -> gymnasium.Env:
    """The same as a gymnasium environment."""
    if config.game == "real":
        check_platform(config.id)
    import_soulsgym()
    game, rng = _simulated_game(config, seed) if config.game == "simulated" else (None, None)
    try:
        env = _make(config, game)
    except EnvironmentFailure:
        raise
    except Exception as error:
        raise cannot("start", config.id, error) from error
    if game is not None and rng is not None:
        from soulsai_souls_env.simulated_game.seam import InVirtualTime

        env = InVirtualTime(env, game, rng)
    env = Outcome(Responsive(InFocus(Advised(env, config.id))))
    return _pictures(env, config.image) if config.shows_pictures else StateVector(env, layout_of(config))


def _make(config: SoulsConfig, game: Any) -> gymnasium.Env:
    behind: Any = nullcontext()
    if game is not None:
        from soulsai_souls_env.simulated_game.seam import behind_soulsgym

        behind = behind_soulsgym(game)
    limit = {} if config.max_episode_steps is None else {"max_episode_steps": config.max_episode_steps}
    phase = {} if config.is_demo else {"phase": config.phase}
    with behind:
        return gymnasium.make(
            config.id,
            game_speed=config.game_speed,
            init_pose_randomization=config.init_pose_randomization,
            disable_env_checker=True,
            **phase,
            **config.kwargs,
            **limit,
        )


def _simulated_game(config: SoulsConfig, seed: int | None) -> tuple[Any, random.Random]:
    from soulsai_souls_env.simulated_game.clock import VirtualClock
    from soulsai_souls_env.simulated_game.faults import Faults
    from soulsai_souls_env.simulated_game.game import SimulatedGame

    rng = random.Random(seed)
    faults = config.simulation.faults
    pace = config.simulation.pace
    trouble = Faults(
        random.Random(rng.random()), faults.kinds, faults.every, exact=faults.exact, slow=faults.slow_frame_s
    )
    return SimulatedGame(random.Random(rng.random()), VirtualClock(pace), trouble), rng


def _pictures(env: gymnasium.Env, image: ImageConfig) -> gymnasium.Env:
    from gymnasium.wrappers import FrameStackObservation, GrayscaleObservation, ResizeObservation

    seen = env.observation_space.shape or ()
    if (image.height, image.width) != seen[:2]:
        env = ResizeObservation(env, (image.height, image.width))
    if image.gray:
        env = GrayscaleObservation(env)
    return FrameStackObservation(env, image.stack) if image.stack > 1 else env
