"""Costs of the replay buffer: drawing 25 minibatches of 64 by priority and updating them, and appending messages.

python -m benchmarks.dqn.replay
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from soulsai_core import Arrays, ArraySpec, End, StepBatch
from soulsai_core.replay import PriorityOptions, Replay

COLUMNS = {
    "observation": ArraySpec((8,), "float32"),
    "action": ArraySpec((), "uint8"),
    "reward": ArraySpec((), "float32"),
}
MESSAGE = 128
EPISODE = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="measurements of each")
    rounds = parser.parse_args().rounds
    print("| slots | draw 25x64 and update, ms | of it reading the columns | append, µs a row | append, uniform |")
    print("|---|---|---|---|---|")
    for slots in (10**5, 10**6):
        print(f"| {slots:,} | " + " | ".join(measured(slots, rounds)) + " |")


def measured(slots: int, rounds: int) -> list[str]:
    rng = np.random.default_rng(0)
    uniform = Replay(slots, COLUMNS, ["observation"])
    replay = Replay(slots, COLUMNS, ["observation"], priorities=PriorityOptions(), first_error=first_error)
    messages = iter(range(10**9))
    for _ in range(slots // MESSAGE + 1):
        steps = message(rng, next(messages))
        replay.append(steps, "benchmark", 0.99)
        uniform.append(steps, "benchmark", 0.99)
    errors = rng.random((25, 64))

    def draw_and_update() -> None:
        replay.update(replay.draw(rng, 25, 64, n_step=3, gamma=0.99, beta=0.5), errors)

    drawn = replay.draw(rng, 25, 64, n_step=3, gamma=0.99).slots
    whole = best(draw_and_update, rounds)
    columns = best(lambda: replay.read(drawn, n_step=3, gamma=0.99), rounds)
    appends = [appended(kept, [message(rng, next(messages)) for _ in range(rounds)]) for kept in (replay, uniform)]
    return [f"{whole * 1e3:.2f}", f"{columns * 1e3:.2f}", *(f"{seconds / MESSAGE * 1e6:.2f}" for seconds in appends)]


def appended(replay: Replay, messages: list[StepBatch]) -> float:
    """Seconds to append the message that took least."""
    sent = iter(messages)
    return best(lambda: replay.append(next(sent), "benchmark", 0.99), len(messages))


def message(rng: np.random.Generator, number: int) -> StepBatch:
    """Message `number` of a client with one environment, whose episodes terminate."""
    first = number * MESSAGE
    last = (number + 1) * MESSAGE
    ends = [*range(first - first % EPISODE + EPISODE, last, EPISODE), last]
    table = [
        [0, start, end - start, 0, 0, start % EPISODE == 0, 0 if end % EPISODE else End.TERMINATED]
        for start, end in zip([first, *ends], ends, strict=False)
    ]
    columns: Arrays = {
        "observation": rng.normal(size=(MESSAGE, 8)).astype(np.float32),
        "action": rng.integers(4, size=MESSAGE).astype(np.uint8),
        **{name: rng.normal(size=MESSAGE).astype(np.float32) for name in ("reward", "value", "best")},
    }
    goes_on = last % EPISODE != 0
    return StepBatch(np.array(table), columns, {"observation": np.zeros((int(goes_on), 8), np.float32)})


def first_error(value: np.ndarray, reward: np.ndarray, discount: np.ndarray, best_value: np.ndarray) -> np.ndarray:
    return np.abs(reward + discount * best_value - value)


def best(run: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest of many runs, because the machine may be busy."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
