"""Gradient steps a second on images: QR-DQN with the Nature CNN on 84x84x4 uint8, replay and learner on one device.

The replay buffer keeps single frames and builds the stacks of 4 on the device. The gradient is measured without and
with a CUDA graph. The share of the time in which a GPU works is the time that its kernels and copies cover in a
profiled run, divided by the time of the same steps without the profiler.

    python -m benchmarks.dqn.gpu
    python -m benchmarks.dqn.gpu --device cpu --rows 500 --batch 8 --steps 4 --rounds 2    # small, to see that it runs
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from soulsai_core import ArraySpec, Discrete, End, EnvSpec, StepBatch
from soulsai_dqn.config import DQNConfig, PriorityConfig
from soulsai_dqn.learning.cuda_graph import CudaGraphGradient
from soulsai_dqn.learning.learner import DQNLearner

SPEC = EnvSpec("images", {"observation": ArraySpec((84, 84), "uint8")}, Discrete(6))
STACK = 4
EPISODE = 1000
MESSAGE = 512


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    torch.set_num_threads(1)
    print(f"{_name(options.device)}, torch {torch.__version__}, {options.rows:,} rows, batch {options.batch}\n")
    print("| replay | gradient | steps/s | ms a step | GPU works | device memory, MB |\n|---|---|---|---|---|---|")
    for prioritized in (False, True):
        for captured in (False, True) if options.device.startswith("cuda") else (False,):
            print(f"| {_row(options, prioritized=prioritized, captured=captured)} |", flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rows", type=int, default=100_000, help="frames in the replay buffer")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=64, help="gradient steps in one update")
    parser.add_argument("--rounds", type=int, default=10, help="measured updates; the fastest counts")
    parser.add_argument("--width", type=int, default=512, help="of the dense layer after the convolutions")
    return parser.parse_args(arguments)


def _row(options: argparse.Namespace, *, prioritized: bool, captured: bool) -> str:
    if options.device.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    learner = _learner(options, prioritized=prioritized, captured=captured)
    seconds = _best(learner, options)
    busy = _busy(learner, options) / seconds if options.device.startswith("cuda") else None
    memory = torch.cuda.max_memory_allocated() / 2**20 if busy is not None else None
    cells = [
        "prioritized" if prioritized else "uniform",
        "CUDA graph" if captured else "eager",
        f"{options.steps / seconds:,.1f}",
        f"{1e3 * seconds / options.steps:,.3f}",
        "-" if busy is None else f"{100 * busy:.0f} %",
        "-" if memory is None else f"{memory:,.0f}",
    ]
    return " | ".join(cells)


def _learner(options: argparse.Namespace, *, prioritized: bool, captured: bool) -> DQNLearner:
    """A learner whose replay buffer is filled with episodes of random frames."""
    config = DQNConfig(
        head="quantile", dueling=False, layer_norm=False, hidden=(options.width,), frame_stack=STACK,
        gamma=0.99, reward_scale=1.0, max_grad_norm=10.0,
        batch_size=options.batch, buffer_size=options.rows, learning_starts=min(1000, options.rows // 2),
        update_every=options.steps, prioritized=PriorityConfig() if prioritized else None,
        device=options.device, replay_device=options.device,
    )  # fmt: skip
    learner = DQNLearner(config, SPEC, np.random.default_rng(0))
    if not captured and isinstance(learner._trainer._gradient, CudaGraphGradient):
        learner._trainer._gradient = learner._trainer._gradient._gradient
    learner.started(resumed=False)
    for first in range(0, options.rows, MESSAGE):
        learner.add(_message(first, min(MESSAGE, options.rows - first), prioritized=prioritized), "benchmark")
    return learner


def _message(first: int, count: int, *, prioritized: bool) -> StepBatch:
    """Steps of one environment, whose episodes terminate."""
    rng = np.random.default_rng(first)
    last = first + count
    ends = [*range(first - first % EPISODE + EPISODE, last, EPISODE), last]
    table = [
        [0, start, end - start, 0, 0, start % EPISODE == 0, 0 if end % EPISODE else End.TERMINATED]
        for start, end in zip([first, *ends], ends, strict=False)
    ]
    columns = {
        "observation": rng.integers(0, 256, (count, *SPEC.observations["observation"].shape), np.uint8),
        "action": rng.integers(6, size=count).astype(np.uint8),
        "reward": rng.normal(size=count).astype(np.float32),
    }
    if prioritized:
        columns |= {name: rng.random(count).astype(np.float32) for name in ("value", "best")}
    after = columns["observation"][: int(last % EPISODE != 0)]
    return StepBatch(np.array(table), columns, {"observation": after})


def _best(learner: DQNLearner, options: argparse.Namespace) -> float:
    """Seconds of the fastest update, after two for warming up."""
    times = []
    for _ in range(options.rounds + 2):
        _wait(options)
        started = time.perf_counter()
        learner.update()
        _wait(options)
        times.append(time.perf_counter() - started)
    return min(times[2:])


def _wait(options: argparse.Namespace) -> None:
    if options.device.startswith("cuda"):
        torch.cuda.synchronize()


def _busy(learner: DQNLearner, options: argparse.Namespace) -> float:
    """Seconds of an update in which something runs on the GPU."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        learner.update()
        _wait(options)
    spans = (e.time_range for e in profiler.events() if e.device_type == torch.autograd.DeviceType.CUDA)
    return covered((span.start, span.end) for span in spans) / 1e6


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of spans (start, end)."""
    total = 0.0
    reached = float("-inf")
    for start, end in sorted(spans):
        total += max(end - max(start, reached), 0.0)
        reached = max(reached, end)
    return total


def _name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU, one thread"


if __name__ == "__main__":
    main()
