"""The plugin object. gymnasium is imported only when a spec or an environment is made."""

from __future__ import annotations

from soulsai_core.contracts import Environment, EnvironmentPlugin
from soulsai_core.environments.gym.config import Config
from soulsai_core.messages import EnvSpec


def spec(config: Config) -> EnvSpec:
    """Observations and actions of the environment. One is made and reset, to see whether it reports valid actions."""
    from soulsai_core.environments.gym import building

    return building.read_spec(config)


def make(config: Config, seed: int | None) -> Environment:
    """The environments of one client. The first reset is seeded."""
    from soulsai_core.environments.gym import building

    return building.build(config, seed)


def shown(config: Config) -> Config:
    """The same environment, alone, and with pictures if it can draw them."""
    from soulsai_core.environments.gym import building

    drawing = {"render_mode": "rgb_array"} if building.can_draw(config) else {}
    return config.model_copy(update={"num_envs": 1, "kwargs": {**config.kwargs, **drawing}})


plugin = EnvironmentPlugin(name="gymnasium", config=Config, spec=spec, make=make, shown=shown)
