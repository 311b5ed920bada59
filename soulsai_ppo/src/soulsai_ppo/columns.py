"""The columns of PPO's samples. What values and log-probabilities were need not be sent: the learner still has the very
weights that acted, and computes them for all rows at once."""

from __future__ import annotations

from soulsai_core import ArraySpec, EnvSpec
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.distributions import Distribution
from soulsai_ppo.features import Features

ACTION = "action"
"""The raw action, as drawn from the distribution."""
REWARD = "reward"
TERMINATED = "terminated"
CUT = "cut"
"""The episode did not terminate here, but no row of this rollout follows: truncation, or the rollout's end."""
NEXT_VALUE = "next_value"
"""Where cut, the value of the observation that the action led to; else 0."""
ENV = "env"
"""Which of the client's environments."""
POSITION = "position"
"""The row's number in its client's rollout, from 0."""
LAST = "last"
"""No row of this rollout has a higher number."""
MASK = "mask"
STATE = "state"
"""The LSTM's output and cell before this step."""
RESET = "reset"
"""Not sent: the learner sees where an episode began within a rollout."""

_MOST_ENVS = 2**16


def sample_columns(
    config: PPOConfig, spec: EnvSpec, features: Features, distribution: Distribution
) -> dict[str, ArraySpec]:
    """name -> spec of one row; mask and state only where there are any."""
    columns = features.columns() | {
        ACTION: distribution.raw,
        REWARD: ArraySpec((), "float32"),
        TERMINATED: ArraySpec((), "bool"),
        CUT: ArraySpec((), "bool"),
        NEXT_VALUE: ArraySpec((), "float32"),
        ENV: ArraySpec((), "int32", 0, _MOST_ENVS - 1),
        POSITION: ArraySpec((), "int32", 0, config.rollout + _MOST_ENVS - 1),
        LAST: ArraySpec((), "bool"),
    }
    if spec.masked:
        columns[MASK] = ArraySpec((distribution.size,), "bool")
    if config.lstm is not None:
        columns[STATE] = ArraySpec((2 * config.lstm,), "float32")
    return columns
