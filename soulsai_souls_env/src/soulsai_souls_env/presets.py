"""Presets for the fights against Iudex Gundyr and Vordt, each in the real game and in the simulated one.

Real games give about 25 steps a second from all PCs together. Their presets therefore draw each step more often.
"""

from __future__ import annotations

from typing import Any

from soulsai_core import PresetPlugin

_ALGORITHM: dict[str, Any] = {
    "hidden": [128, 128],
    "layer_norm": True,
    "dueling": True,
    "head": "quantile",
    "atoms": 16,
    # What a choice leads to shows within a second or two: 0.9 looks ten steps ahead, which is one second, and values so
    # near are learned from few fights. A larger discount later lets the agent weigh more of the fight.
    "gamma": {"start": 0.9, "end": 0.97, "steps": 200_000},
    "n_step": 3,
    # The return of a fight is between -1.1 and 1.1. Without this, differences between actions are smaller than what a
    # new network says at random, and gradients are as small as the epsilon of AdamW.
    "reward_scale": 10.0,
    # Large at first, since few fights must do; late steps of that size undo what was learned.
    "learning_rate": {"start": 1e-3, "end": 1e-4, "steps": 200_000},
    "weight_decay": 0.1,
    "target_tau": 0.01,
    # The newest network changes many choices from one second to the next.
    "act_with": "average",
    "learning_starts": 2_000,
}


def _real(environment: dict[str, Any]) -> dict[str, Any]:
    """A fight in the real game, with these settings of the environment."""
    return {
        "environment": {"name": "souls", "config": {"game_speed": 3.0, **environment}},
        "algorithm": {
            "name": "dqn",
            "config": {
                **_ALGORITHM,
                "replay_ratio": 1.0,
                "buffer_size": 500_000,
                "update_every": 25,  # a new model about once a second
                "epsilon": {"end": 0.01, "steps": 100_000},
            },
        },
        "training": {"checkpoint_every": 600, "stop": {"episodes": 100}},
        "client": {
            "isolate": True,
            "max_message_rows": 16,  # a message must be packed while the game computes one step
            "step_timeout_s": 15,
            "start_timeout_s": 180,
            "reset_timeout_s": 35,  # a dialog in the middle of a reset stops it without an error
            "late_step_s": 0.5,  # the game went on for longer than the step that the agent expects
            "discard_late_steps": True,
            "min_steps_per_minute": 60,
        },
    }


def _simulated(environment: dict[str, Any]) -> dict[str, Any]:
    """A fight in the simulated game, with these settings of the environment."""
    return {
        "environment": {"name": "souls", "config": {"game": "simulated", **environment}},
        "algorithm": {
            "name": "dqn",
            "config": {
                **_ALGORITHM,
                "replay_ratio": 0.5,
                "buffer_size": 300_000,
                "update_every": 128,
                "epsilon": {"end": 0.01, "steps": 30_000},
            },
        },
        "training": {"stop": {"env_steps": 300_000, "episodes": 100}},
    }


_IUDEX: dict[str, Any] = {"init_pose_randomization": True}
_VORDT: dict[str, Any] = {"id": "SoulsGymVordt-v0"}

iudex = PresetPlugin(
    "iudex", _real(_IUDEX), "Iudex Gundyr in Dark Souls III, on the PCs of the players; not trained to the end here"
)
iudex_simulated = PresetPlugin(
    "iudex-simulated",
    _simulated(_IUDEX),
    "Iudex Gundyr in the simulated game; half of 50 fights were won after 38,000 steps, median of 5 seeds",
)
vordt = PresetPlugin(
    "vordt", _real(_VORDT), "Vordt in Dark Souls III, with soulsgym's newest source; not trained to the end here"
)
vordt_simulated = PresetPlugin(
    "vordt-simulated",
    _simulated(_VORDT),
    "Vordt in the simulated game; half of 50 fights were won after 69,000 steps, median of 3 seeds",
)
