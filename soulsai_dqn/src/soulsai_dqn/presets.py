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


def _preset(name: str, description: str, settings: dict[str, Any]) -> PresetPlugin:
    return PresetPlugin(name, {"algorithm": {"name": "dqn", "config": {**_DOUBLE_DQN, **settings}}}, description)


# Double DQN with n-step returns (Mnih et al. 2015; van Hasselt et al. 2016): the least arithmetic.
double_dqn = _preset("double_dqn", "algorithm alone: double DQN with n-step returns, the fastest to compute", {})

# Rainbow (Hessel et al. 2018), with layer norm (Ba et al. 2016), which it needs to learn from few samples.
rainbow = _preset(
    "rainbow",
    "algorithm alone: Rainbow, with layer norm",
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
    "algorithm alone: Ape-X, for many clients and fast environments",
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
    "algorithm alone: R2D2, with an LSTM that remembers what one observation does not show",
    {
        "recurrent": {},
        "dueling": True,
        "exploration": "ladder",
        "prioritized": {"alpha": 0.9, "beta_start": 0.6, "beta_end": 0.6},
        "batch_size": 32,
        # Agents forgot what they could once the first steps, of a beginner that fails often, were overwritten.
        "buffer_size": 1_000_000,
        "replay_ratio": 0.25,
    },
)

# A high replay ratio with layer norm and resets (D'Oro et al. 2023, SR-SPR; Schwarzer et al. 2023, BBF).
high_replay = _preset(
    "high_replay",
    "algorithm alone, for slow environments: four gradient steps for each environment step, with resets",
    {
        "head": "quantile",
        "dueling": True,
        "layer_norm": True,
        "replay_ratio": 4.0,
        "weight_decay": 0.1,
        "resets": {"every": 40_000, "last": 200_000, "keep": 0.5, "recovery": 2_000},
    },
)


# Environments with the settings that docs/results/dqn.md was measured with.
lunar_lander = PresetPlugin(
    "lunar-lander",
    {
        "environment": {"name": "gymnasium", "config": {"id": "LunarLander-v3"}},
        # A crash costs 100 and a landing gives 100, everything else a few points a step. Without a bound, agents that
        # have crashed often hover rather than try to land. A gamma that rises makes the hovering cost more in the end,
        # and with a learning rate that falls agents keep what they can after 100,000 steps. Two early resets rid them
        # of a beginner's habits.
        "algorithm": {
            "name": "dqn",
            "config": {
                "reward_clip": 3.0,
                "gamma": {"start": 0.99, "end": 0.997, "steps": 100_000},
                "learning_rate": {"start": 1e-3, "end": 1e-4, "steps": 200_000},
                "resets": {"every": 7_000, "last": 14_500, "keep": 0.5, "recovery": 2_000},
            },
        },
        "training": {"stop": {"env_steps": 100_000}},
    },
    "LunarLander-v3 with DQN; return 266 without exploration after 100,000 steps, mean of 10 seeds",
)
cartpole = PresetPlugin(
    "cartpole",
    {
        "environment": {"name": "gymnasium", "config": {"id": "CartPole-v1"}},
        # Late networks differ much: clients act with a steadier one, and evaluations with the mean of more of them.
        "algorithm": {"name": "dqn", "config": {"reward_scale": 0.1, "act_with": "target", "average": 0.2}},
        "training": {"stop": {"env_steps": 50_000}},
    },
    "CartPole-v1 with DQN; return 499.8 of 500 without exploration after 50,000 steps, mean of 10 seeds",
)
acrobot = PresetPlugin(
    "acrobot",
    {
        "environment": {"name": "gymnasium", "config": {"id": "Acrobot-v1"}},
        "algorithm": {
            "name": "dqn",
            "config": {"learning_rate": {"start": 1e-3, "end": 1e-4, "steps": 100_000}},
        },
        "training": {"stop": {"env_steps": 100_000}},
    },
    "Acrobot-v1 with DQN; return -71 without exploration after 100,000 steps, mean of 10 seeds",
)
pong = PresetPlugin(
    "pong",
    {
        "environment": {
            "name": "gymnasium",
            "config": {
                "id": "ale_py:ALE/Pong-v5",
                "kwargs": {"frameskip": 4, "repeat_action_probability": 0.0},
                "wrappers": [{"name": "grayscale"}, {"name": "resize", "config": {"height": 84, "width": 84}}],
            },
        },
        "algorithm": {
            "name": "dqn",
            "config": {
                "frame_stack": 4,
                "hidden": [512],
                "reward_scale": 1.0,
                "reward_clip": 1.0,
                "learning_rate": 2.5e-4,
                "weight_decay": 0.0,
                "batch_size": 32,
                "buffer_size": 300_000,
                "learning_starts": 5_000,
                "update_every": 1024,
                "replay_ratio": 0.25,
                "epsilon": {"steps": 50_000, "end": 0.01},
                "device": "auto",
                "replay_device": "auto",
            },
        },
        "training": {"checkpoint_every": 500, "stop": {"mean_return": 19}},
    },
    "Atari's Pong from pictures, with a GPU; an earlier version reached 19 after 839,000 steps, this one is untested",
)
