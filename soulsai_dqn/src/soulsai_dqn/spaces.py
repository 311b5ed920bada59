"""What DQN's two halves agree on: actions, own columns, and how vectors are normalised."""

from __future__ import annotations

from soulsai_core import ArraySpec, Discrete, EnvSpec, SpaceError
from soulsai_dqn.config import DQNConfig

VALUE = "value"
"""The value of the chosen action, also where it was random, on the scale on which values are learned."""
BEST = "best"
"""The same of the best valid action."""
STATE = "state"
"""Output and cell of the LSTM before the action: each `recurrent.stride`-th step has it."""

MEAN = "normalizer.mean"
SCALE = "normalizer.scale"
"""Names under which a vector's mean, and 1 / its deviation, travel with the weights."""
CLIP = 10.0
"""Normalised features lie within so many deviations."""


def number_of_actions(spec: EnvSpec) -> int:
    """The number of discrete actions. Raises SpaceError for any other action space."""
    if not isinstance(spec.action, Discrete):
        kind = type(spec.action).__name__
        raise SpaceError(f"{spec.name} has {kind} actions; DQN needs Discrete ones. PPO (soulsai-ppo) takes others.")
    return spec.action.n


def own_columns(config: DQNConfig, spec: EnvSpec) -> dict[str, ArraySpec]:
    """What actors send beside the steps: values, from which first priorities follow (Horgan et al. 2018, algorithm 1),
    and states, from which sequences begin (Kapturowski et al. 2019, section 2.3)."""
    number_of_actions(spec)
    columns: dict[str, ArraySpec] = {}
    if config.prioritized is not None:
        columns |= {name: ArraySpec((), "float32") for name in (VALUE, BEST)}
    if config.recurrent is not None:
        columns[STATE] = ArraySpec((2 * config.recurrent.width,), "float32", sparse=True)
    return columns
