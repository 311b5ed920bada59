"""Agents of the literature as settings of DQN, by name in the group `soulsai.presets`.

A preset lies below config.yaml and `--set`, so that "Rainbow without dueling" is `--preset rainbow` and
`--set algorithm.config.dueling=false`.
"""

from __future__ import annotations

from typing import Any

from soulsai_core import PresetPlugin

# The defaults of `DQNConfig` are QR-DQN. Each preset starts from double DQN, so that it has the parts that it names
# and no others.
_DOUBLE_DQN: dict[str, Any] = {
    "head": "scalar",
    "dueling": False,
    "layer_norm": False,
    "gamma": 0.995,
    "target_tau": 0.005,
    "weight_decay": 0.01,
    "epsilon": {"steps": 10_000},
}


def _preset(name: str, settings: dict[str, Any]) -> PresetPlugin:
    return PresetPlugin(name, {"algorithm": {"name": "dqn", "config": {**_DOUBLE_DQN, **settings}}})


# Double DQN with n-step returns (Mnih et al. 2015; van Hasselt et al. 2016): the least arithmetic.
double_dqn = _preset("double_dqn", {})

# Rainbow (Hessel et al. 2018), with layer norm (Ba et al. 2016), which it needs to learn from few samples.
rainbow = _preset(
    "rainbow",
    {
        "head": "categorical",
        "atoms": 51,
        "dueling": True,
        "noisy": True,
        "exploration": "noisy",
        "prioritized": {"alpha": 0.5},
        "layer_norm": True,
        "gamma": 0.99,
        "target_tau": 0.01,
    },
)

# Ape-X (Horgan et al. 2018): many clients on a ladder of epsilons, prioritized replay.
apex = _preset(
    "apex",
    {
        "dueling": True,
        "exploration": "ladder",
        "prioritized": {"alpha": 0.6, "beta_start": 0.4, "beta_end": 0.4},
        "batch_size": 512,
        "buffer_size": 2_000_000,
        "learning_starts": 50_000,
        "learning_rate": 2.5e-4,
        "replay_ratio": 0.1,
        "max_grad_norm": 40.0,
        "max_staleness": 10,
    },
)

# R2D2 (Kapturowski et al. 2019): an LSTM, replay of sequences, stored state and burn-in.
r2d2 = _preset(
    "r2d2",
    {
        "recurrent": {},
        "dueling": True,
        "exploration": "ladder",
        "prioritized": {"alpha": 0.9, "beta_start": 0.6, "beta_end": 0.6},
        "batch_size": 32,
        "replay_ratio": 0.25,
    },
)

# A high replay ratio with layer norm and resets (D'Oro et al. 2023, SR-SPR; Schwarzer et al. 2023, BBF).
high_replay = _preset(
    "high_replay",
    {
        "head": "quantile",
        "dueling": True,
        "layer_norm": True,
        "replay_ratio": 4.0,
        "weight_decay": 0.1,
        "resets": {"every": 40_000, "last": 200_000, "keep": 0.5, "recovery": 2_000},
    },
)
