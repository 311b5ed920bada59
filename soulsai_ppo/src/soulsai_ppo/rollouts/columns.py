"""The columns that PPO has beside those of all steps.

What values and log-probabilities were need not be sent: the learner still has the very weights that acted, and computes
them for all rows at once.
"""

from __future__ import annotations

import math

from soulsai_core import ArraySpec, Continuous, EnvSpec
from soulsai_ppo.config import PPOConfig

RAW = "raw"
"""A continuous action as it was drawn, before it was clipped or squashed; flat. Sent."""
STATE = "state"
"""The LSTM's output and cell before the step. Sent with every `sequence_length`-th action of a model, 0 elsewhere."""

ENV = "env"
"""Which of the client's environments."""
TERMINATED = "terminated"
LEARNED = "learned"
"""The row is learned from. Others are there for what they observed: their value, and what a memory makes of them."""
START = "start"
"""An episode begins with the row."""
BEGINS = "begins"
"""A sequence for the LSTM begins with the row: its state is stored, or nothing is known of what came before."""


def own_columns(config: PPOConfig, spec: EnvSpec) -> dict[str, ArraySpec]:
    """name -> spec of one row of what actors add to steps."""
    columns = {}
    if isinstance(spec.action, Continuous):
        columns[RAW] = ArraySpec((math.prod(spec.action.shape),), "float32")
    if config.lstm is not None:
        columns[STATE] = ArraySpec((2 * config.lstm,), "float32", sparse=True)
    return columns
