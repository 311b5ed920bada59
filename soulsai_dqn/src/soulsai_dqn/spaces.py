"""What actor and learner agree on: the actions, the own columns, and how vectors are normalized."""

from __future__ import annotations

from soulsai_core import ArraySpec, Discrete, EnvSpec, SpaceError
from soulsai_dqn.config import DQNConfig, RecurrentConfig

VALUE = "value"
"""Own column: the value of the chosen action, also where it was random, on the scale on which values are learned."""
BEST = "best"
"""Own column: the largest value among the valid actions, on the same scale."""
STATE = "state"
"""Own column: the LSTM's output and cell before the action, and the action before it as 0 and 1 for each action where
the LSTM sees that. It is sent with every `recurrent.stride`-th step."""

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


def own_columns(config: DQNConfig, spec: EnvSpec) -> dict[str, ArraySpec]:
    """What actors add to steps: values, from which the learner computes first priorities (Horgan et al. 2018, algorithm
    1), and states, with which sequences begin (Kapturowski et al. 2019, section 2.3)."""
    number_of_actions(spec)
    columns: dict[str, ArraySpec] = {}
    if config.prioritized is not None:
        columns |= {name: ArraySpec((), "float32") for name in (VALUE, BEST)}
    if config.recurrent is not None:
        columns[STATE] = ArraySpec((state_size(config.recurrent, number_of_actions(spec)),), "float32", sparse=True)
    return columns


def state_size(config: RecurrentConfig, actions: int) -> int:
    """Numbers of a recurrent network's state: output and cell of the LSTM, and the previous action if it is seen."""
    return 2 * config.width + (actions if config.previous_action else 0)
