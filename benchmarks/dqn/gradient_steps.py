"""Gradient steps of QR-DQN per CPU second, in one thread: ours, the same arithmetic bare, and sb3-contrib's QRDQN.

8-128-128-4 x 32 quantiles, batch 64, double, gradients clipped, Polyak averaging at every step. sb3-contrib is measured
where it is installed. Each is measured in turn, many times over, and the best of each counts: the machine may be busy.

    python -m benchmarks.dqn.gradient_steps
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.dqn.bare import BareQRDQN
from soulsai_core import Arrays, ArraySpec, Discrete, End, EnvSpec, StepBatch
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.learner import DQNLearner

SPEC = EnvSpec("LunarLander", {"observation": ArraySpec((8,), "float32")}, Discrete(4))
BATCH = 64
STEPS = 64
ROWS = 20_000
EPISODE = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    contestants = {"soulsai": ours(), "bare arithmetic": bare(), "sb3-contrib": sb3()}
    there = {name: run for name, run in contestants.items() if run is not None}
    seconds: dict[str, list[float]] = {name: [] for name in there}
    for _ in range(rounds):
        for name, run in there.items():
            started = time.process_time()
            run()
            seconds[name].append((time.process_time() - started) / STEPS)
    best = {name: min(times) for name, times in seconds.items()}
    print("| | µs a step | steps per CPU second | soulsai is this many times as fast |\n|---|---|---|---|")
    for name, value in best.items():
        print(f"| {name} | {value * 1e6:,.0f} | {1 / value:,.0f} | {value / best['soulsai']:.2f} |")


def ours() -> Callable[[], object]:
    """The learner's whole update: drawing, gradient steps, target network and report."""
    config = DQNConfig(
        head="quantile", dueling=False, layer_norm=False, max_grad_norm=10.0, update_every=STEPS, buffer_size=ROWS
    )
    rng = np.random.default_rng(0)
    learner = DQNLearner(config, SPEC, rng)
    columns: Arrays = {
        "observation": rng.normal(size=(ROWS, 8)).astype(np.float32),
        "action": rng.integers(4, size=ROWS).astype(np.uint8),
        "reward": 10 * rng.normal(size=ROWS).astype(np.float32),
    }
    segments = np.array([[0, first, EPISODE, 0, 0, 1, End.TERMINATED] for first in range(0, ROWS, EPISODE)])
    learner.add(StepBatch(segments, columns, {"observation": np.zeros((0, 8), np.float32)}), "benchmark")
    return learner.update


def bare() -> Callable[[], object]:
    model = BareQRDQN(8, 128, 4, 32, BATCH)
    return lambda: [model.step() for _ in range(STEPS)]


def sb3() -> Callable[[], object] | None:
    """The update of sb3-contrib, or None if it is not installed."""
    try:
        import gymnasium
        from sb3_contrib import QRDQN
    except ImportError:
        print("sb3-contrib is not installed: pip install sb3-contrib")
        return None
    net = {"net_arch": [128, 128], "n_quantiles": 32}
    env = gymnasium.make("LunarLander-v3")
    options: dict[str, Any] = {
        "batch_size": BATCH,
        "buffer_size": ROWS,
        "tau": 0.005,
        "target_update_interval": 1,
        "device": "cpu",
    }
    model = QRDQN("MlpPolicy", env, policy_kwargs=net, max_grad_norm=10.0, learning_starts=ROWS, **options)
    model.learn(1000)  # fills the buffer with random steps
    return lambda: model.train(gradient_steps=STEPS, batch_size=BATCH)


if __name__ == "__main__":
    main()
