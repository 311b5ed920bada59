"""Environments with settings for PPO, by name in the group `soulsai.presets`."""

from __future__ import annotations

from soulsai_core import PresetPlugin

# The mission is a text, which networks do not read, and the picture has 7 x 7 symbols, too few for convolutions: what
# is seen and the own direction become one vector.
minigrid = PresetPlugin(
    "minigrid",
    {
        "environment": {
            "name": "gymnasium",
            "config": {
                "id": "minigrid:MiniGrid-Empty-8x8-v0",
                "num_envs": 8,
                "wrappers": [
                    {"gymnasium": "FilterObservation", "arguments": {"filter_keys": ["image", "direction"]}},
                    {"gymnasium": "FlattenObservation"},
                ],
            },
        },
        "algorithm": {
            "name": "ppo",
            "config": {"entropy_coefficient": 0.01, "gamma": 0.99, "gae_lambda": 0.95},
        },
        "training": {"stop": {"env_steps": 60_000}},
    },
    "MiniGrid-Empty-8x8-v0 with PPO; from 40,000 steps on 12 steps to the goal, 11 are the fewest, one seed",
)
