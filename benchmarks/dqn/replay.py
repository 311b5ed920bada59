"""Costs of the replay buffer: drawing 25 minibatches of 64 by priority and updating them, and appending messages.

python -m benchmarks.dqn.replay
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from soulsai_core import ArraySpec
from soulsai_dqn.config import PriorityConfig
from soulsai_dqn.prioritized import PrioritizedReplay
from soulsai_dqn.replay import ReplayBuffer

COLUMNS = {
    "observation": ArraySpec((8,), "float32"),
    "action": ArraySpec((), "int32"),
    "reward": ArraySpec((), "float32"),
    "discount": ArraySpec((), "float32"),
    "next_observation": ArraySpec((8,), "float32"),
}
MESSAGE = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="measurements of each")
    rounds = parser.parse_args().rounds
    print("| slots | draw 25x64 and update, ms | of it the columns | append, µs a row | append, uniform |")
    print("|---|---|---|---|---|")
    for slots in (10**5, 10**6):
        print(f"| {slots:,} | " + " | ".join(measured(slots, rounds)) + " |")


def measured(slots: int, rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    replay, uniform = PrioritizedReplay(slots, COLUMNS, PriorityConfig()), ReplayBuffer(slots, COLUMNS)
    message = {name: np.zeros((MESSAGE, *spec.shape), spec.dtype) for name, spec in COLUMNS.items()}
    for _ in range(slots // MESSAGE):
        replay.append({**message, "error": rng.random(MESSAGE).astype(np.float32)})
        uniform.append(message)
    message["error"] = rng.random(MESSAGE).astype(np.float32)
    errors = rng.random((25, 64))

    def draw_and_update() -> None:
        replay.update(replay.draw(rng, 25, 64, 0.5), errors)

    drawn = replay.draw(rng, 25, 64, 0.5).slots
    whole, columns = best(draw_and_update, rounds), best(lambda: replay._gather(drawn), rounds)
    plain = {name: column for name, column in message.items() if name != "error"}
    appends = [best(lambda: replay.append(message), rounds), best(lambda: uniform.append(plain), rounds)]
    return [f"{whole * 1e3:.2f}", f"{columns * 1e3:.2f}", *(f"{seconds / MESSAGE * 1e6:.2f}" for seconds in appends)]


def best(run: Callable[[], object], rounds: int) -> float:
    """Seconds of the quickest of many, since the machine may be busy."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
