"""The return of a training in which a client is killed every 20 seconds, compared with an undisturbed training.

`soulsai train` starts killed clients again. All train LunarLander with 2 clients x 8 environments, for the same time.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from statistics import mean

import psutil

from benchmarks.common import RUN, Row, read_status, run_alone, say, server, soulsai

COMMAND = "python -m benchmarks.ppo.lost_clients"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=300, help="length of each disturbed training")
    parser.add_argument("--every", type=float, default=20, help="seconds between two kills")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


def measure(args: argparse.Namespace) -> list[Row]:
    found: dict[str, list[float]] = {"undisturbed": [], "wait": [], "continue": []}
    for seed in args.seeds:
        for policy, returns in found.items():
            returns.append(_train(policy, seed, args))
    undisturbed = mean(found["undisturbed"])
    return [
        Row(f"one client killed every {args.every:g} s, {policy}", mean(found[policy]), None, "mean return", COMMAND,
            note=f"undisturbed {undisturbed:.0f}")
        for policy in ("wait", "continue")
    ]  # fmt: skip


def _train(policy: str, seed: int, args: argparse.Namespace) -> float:
    """Mean return of the last 100 episodes of a training of `args.seconds` seconds."""
    settings = {
        "run.seed": seed, "algorithm.name": "ppo", "environment.config.num_envs": 8, "telemetry.enabled": "false",
        "training.stop.seconds": args.seconds, "training.stop.episodes": 100,
        "algorithm.config.on_lost_client": "wait" if policy == "undisturbed" else policy,
    }  # fmt: skip
    rng = random.Random(seed)
    kills = 0
    with tempfile.TemporaryDirectory() as folder, server() as (transport, address):
        settings |= {"redis.address": address, "run.name": RUN, "run.saves": folder}
        words = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        process = soulsai("train", "--clients", "2", *words)
        due = time.monotonic() + args.every
        while process.poll() is None:
            time.sleep(0.2)
            if policy != "undisturbed" and time.monotonic() > due:
                due += args.every
                kills += _kill_one(process.pid, rng)
        assert process.returncode == 0, f"`soulsai train` ended with code {process.returncode}"
        status = read_status(transport)
    assert status.mean_return is not None
    say(
        f"{policy}, seed {seed}: {status.mean_return:.1f} after {status.env_steps:,} steps and {status.iteration} "
        f"iterations, {kills} kills, {status.learner['rounds_restarted']:.0f} rounds restarted"
    )
    return status.mean_return


def _kill_one(pid: int, rng: random.Random) -> int:
    clients = [child for child in psutil.Process(pid).children() if "client" in child.cmdline()]
    if not clients:
        return 0
    rng.choice(clients).kill()
    return 1


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
