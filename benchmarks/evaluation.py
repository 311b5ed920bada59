"""How fast `soulsai eval` plays 100 LunarLander episodes, against a plain loop that plays one after the other.

    python -m benchmarks.evaluation RUN

Both take turns in processes of their own. "playing" leaves out the time in which Python imports its packages; the
processes that the evaluation starts are a part of it. Where other work takes cores, the CPU time
tells more: "at best" is what the evaluation would reach if each of its processes had a core for itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.common import cores


def plain_loop(folder: Path, episodes: int) -> list[float]:
    """gymnasium's own interface, and the agent's `act`."""
    import gymnasium

    from soulsai_core import load_agent

    agent = load_agent(folder)
    env = gymnasium.make(agent.environment_config.id)  # type: ignore[attr-defined]
    first, later = np.ones(1, np.bool_), np.zeros(1, np.bool_)
    returns = []
    for seed in range(episodes):
        observation, _ = env.reset(seed=seed)
        starts, total, ended = first, 0.0, False
        while not ended:
            action = agent.act({"observation": observation[None]}, None, starts)
            observation, reward, terminated, truncated, _ = env.step(action[0])
            total += float(reward)
            starts, ended = later, terminated or truncated
        returns.append(total)
    return returns


def in_parallel(folder: Path, episodes: int) -> list[float]:
    """What `soulsai eval` does."""
    from soulsai_core.assembly.evaluating import Evaluation, evaluate, usable_cores
    from soulsai_core.node.saving.saver import evaluation_weights

    evaluation = Evaluation(folder, evaluation_weights(folder / "checkpoint"), range(episodes))
    played = sorted(evaluate(evaluation, usable_cores()), key=lambda episode: episode.seed)
    return [episode.total_reward for episode in played]


WAYS = {"plain loop": plain_loop, "eval": in_parallel}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run on LunarLander")
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way is not None:
        _measure_here(args)
        return
    print(f"Python {platform.python_version()}, {cores()} cores")
    playing: dict[str, list[float]] = {way: [] for way in WAYS}
    whole: dict[str, list[float]] = {way: [] for way in WAYS}
    cpu: dict[str, list[float]] = {way: [] for way in WAYS}
    returns: dict[str, list[float]] = {}
    command = [sys.executable, "-m", "benchmarks.evaluation", str(args.run), "--episodes", str(args.episodes), "--way"]
    for _ in range(args.rounds):
        for way in WAYS:
            started = time.perf_counter()
            result = json.loads(subprocess.run([*command, way], check=True, capture_output=True).stdout)
            whole[way].append(time.perf_counter() - started)
            playing[way].append(result["seconds"])
            cpu[way].append(result["cpu"])
            returns[way] = result["returns"]
    for name, times in (("playing", playing), ("whole command", whole)):
        plain, ours = (statistics.median(times[way]) for way in WAYS)
        print(f"{name}: plain loop {plain:.2f} s, eval {ours:.2f} s, {plain / ours:.2f} x as fast")
    plain, ours = (statistics.median(cpu[way]) for way in WAYS)
    best = cores() * plain / ours
    print(f"CPU time of playing: plain loop {plain:.2f} s, eval {ours:.2f} s, at best {best:.2f} x as fast")
    print("same returns for the same seeds:", np.allclose(returns["plain loop"], returns["eval"], rtol=0, atol=1e-3))


def _measure_here(args: argparse.Namespace) -> None:
    import gymnasium  # noqa: F401 - imported before the clock starts, as everything that both need

    import soulsai_core.assembly.evaluating  # noqa: F401
    import soulsai_dqn.acting.actor  # noqa: F401

    started = time.perf_counter()
    cpu = _cpu_seconds()
    returns = WAYS[args.way](args.run, args.episodes)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "cpu": _cpu_seconds() - cpu, "returns": returns}))


def _cpu_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
