"""What actor and learner agree on: the own columns, and how vectors are normalized.

Values and log-probabilities are not sent: the learner still has the very weights that acted, and computes them for all
rows at once.
"""

from __future__ import annotations

import math

from soulsai_core import ArraySpec, Continuous, EnvSpec
from soulsai_ppo.config import PPOConfig

RAW = "raw"
"""Own column: a continuous action as it was drawn, flat, before it was clipped or squashed."""
STATE = "state"
"""Own column: the LSTM's output and cell before the action, sent with every `sequence_length`-th action of a model."""

MEAN = "observation.mean"
SCALE = "observation.inverse"
"""The names of a vector's mean, and of 1 / its deviation, among the weights."""


def own_columns(config: PPOConfig, spec: EnvSpec) -> dict[str, ArraySpec]:
    """What actors add to steps: drawn actions where they differ from the executed ones, and states of the LSTM."""
    columns = {}
    if isinstance(spec.action, Continuous):
        columns[RAW] = ArraySpec((math.prod(spec.action.shape),), "float32")
    if config.lstm is not None:
        columns[STATE] = ArraySpec((2 * config.lstm,), "float32", sparse=True)
    return columns
