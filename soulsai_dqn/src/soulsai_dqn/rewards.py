"""What is learned from, of the rewards that an environment gives."""

from __future__ import annotations

import numpy as np

from soulsai_dqn.config import DQNConfig


def learned_rewards(rewards: np.ndarray, config: DQNConfig) -> np.ndarray:
    """Scaled and cut as the settings say: float32 of the shape of `rewards`."""
    scaled, clip = rewards * np.float32(config.reward_scale), config.reward_clip
    return scaled if clip is None else scaled.clip(-clip, clip)
