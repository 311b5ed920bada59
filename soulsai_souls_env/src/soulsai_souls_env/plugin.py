"""The environment plugin `souls` of `soulsai.environments`. It imports soulsgym only when an environment is made."""

from __future__ import annotations

from soulsai_core import Environment, EnvironmentPlugin, EnvSpec
from soulsai_souls_env.config import SoulsConfig


def _spec(config: SoulsConfig) -> EnvSpec:
    from soulsai_souls_env.spaces import read_spec

    return read_spec(config)


def _make(config: SoulsConfig, seed: int | None) -> Environment:
    from soulsai_souls_env.building import build

    return build(config, seed)


plugin = EnvironmentPlugin(name="souls", config=SoulsConfig, spec=_spec, make=_make)
