"""What actor and learner agree on: the actions, the own columns, and how vectors are normalized."""

from __future__ import annotations

from soulsai_core import ArraySpec, Discrete, EnvSpec, SpaceError
from soulsai_dqn.config import DQNConfig

VALUE = "value"
"""Own column: the value of the chosen action, also where it was random, on the scale on which values are learned."""
BEST = "best"
"""Own column: the largest value among the valid actions, on the same scale."""
STATE = "state"
"""Own column: the LSTM's output and cell before the action, sent with every `recurrent.stride`-th step."""

MEAN = "normalizer.mean"
SCALE = "normalizer.scale"
"""The names of a vector's mean, and of 1 / its deviation, among the weights."""
CLIP = 10.0
"""Bound of normalized features, in deviations."""


def number_of_actions(spec: EnvSpec) -> int:
    """The number of discrete actions. Raises SpaceError for any other action space."""
    if not isinstance(spec.action, Discrete):
        kind = type(spec.action).__name__
        raise SpaceError(f"{spec.name} has {kind} actions; DQN needs Discrete ones. PPO (soulsai-ppo) takes others.")
    return spec.action.n


def passes_over_forced(config: DQNConfig, spec: EnvSpec) -> bool:
    """Whether only steps with a choice are drawn. Sequences have all steps: the LSTM's state depends on each."""
    return config.choices_only and spec.masked and config.recurrent is None


def sends_values(config: DQNConfig, spec: EnvSpec) -> bool:
    """Whether actors send values for first priorities. Where steps without a choice are passed over they do not: the
    values of what follows such a step are not learned."""
    return config.prioritized is not None and not passes_over_forced(config, spec)


def own_columns(config: DQNConfig, spec: EnvSpec) -> dict[str, ArraySpec]:
    """What actors add to steps: values, from which the learner computes first priorities (Horgan et al. 2018, algorithm
    1), and states, with which sequences begin (Kapturowski et al. 2019, section 2.3)."""
    number_of_actions(spec)
    columns: dict[str, ArraySpec] = {}
    if sends_values(config, spec):
        columns |= {name: ArraySpec((), "float32") for name in (VALUE, BEST)}
    if config.recurrent is not None:
        columns[STATE] = ArraySpec((2 * config.recurrent.width,), "float32", sparse=True)
    return columns
