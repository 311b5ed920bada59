"""The plugin object; gymnasium is imported only when an environment is asked for."""

from __future__ import annotations

from soulsai_core.contracts import Environment, EnvironmentPlugin
from soulsai_core.environments.gym.config import Config
from soulsai_core.messages import EnvSpec


def spec(config: Config) -> EnvSpec:
    """Names, shapes and actions. Makes one environment and resets it once, to see whether it reports valid actions."""
    from soulsai_core.environments.gym import building

    return building.read_spec(config)


def make(config: Config, seed: int | None) -> Environment:
    """The environments of one client; the first reset is seeded."""
    from soulsai_core.environments.gym import building

    return building.build(config, seed)


plugin = EnvironmentPlugin(name="gymnasium", config=Config, spec=spec, make=make)
