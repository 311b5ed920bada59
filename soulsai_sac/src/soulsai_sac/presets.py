"""Environments with the settings that docs/results/sac.md was measured with."""

from __future__ import annotations

from soulsai_core import PresetPlugin

pendulum = PresetPlugin(
    "pendulum",
    {
        "environment": {"name": "gymnasium", "config": {"id": "Pendulum-v1"}},
        "algorithm": {"name": "sac"},
        "training": {"stop": {"env_steps": 15_000}},
    },
    "Pendulum-v1 with SAC; return -143 without exploration after 15,000 steps, mean of 5 seeds",
)
lunar_lander_continuous = PresetPlugin(
    "lunar-lander-continuous",
    {
        "environment": {"name": "gymnasium", "config": {"id": "LunarLander-v3", "kwargs": {"continuous": True}}},
        "algorithm": {
            "name": "sac",
            "config": {"hidden": [128, 128], "layer_norm": True, "batch_size": 128, "buffer_size": 100_000},
        },
        "training": {"stop": {"env_steps": 100_000}},
    },
    "LunarLander-v3 with continuous actions and SAC; return 221 without exploration after 100,000 steps, "
    "mean of 3 seeds",
)
