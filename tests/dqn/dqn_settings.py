"""Settings of plain double DQN: a test that concerns one part of Rainbow adds that part and no other."""

from typing import Any

from soulsai_dqn.config import DQNConfig
from soulsai_dqn.presets import double_dqn

_PLAIN = double_dqn.values["algorithm"]["config"]


def plain(**changes: Any) -> DQNConfig:
    """The preset `double_dqn` with these changes."""
    return DQNConfig(**{**_PLAIN, **changes})
