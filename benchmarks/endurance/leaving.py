"""Many light clients on one machine, all stopped at once by SIGTERM: how long until the last one is gone."""

from __future__ import annotations

import argparse
import time

from benchmarks.common import Row, cores, run_alone, say
from benchmarks.endurance.training import training

COMMAND = "python -m benchmarks.endurance.leaving"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--patience", type=float, default=600.0, help="seconds until all clients must have joined")


def measure(args: argparse.Namespace) -> list[Row]:
    options = {"algorithm": "dqn", "environment": "CartPole", "hertz": 10, "clients": args.clients}
    with training(**options, telemetry=False) as run:
        run.start()
        begun = time.monotonic()
        while (status := run.status()) is None or len(status.clients) < args.clients:
            if time.monotonic() > begun + args.patience:
                raise TimeoutError(f"only {0 if status is None else len(status.clients)} clients have joined")
            time.sleep(0.5)
        say(f"{args.clients} clients are there after {time.monotonic() - begun:.0f} s")
        time.sleep(5.0)
        asked = time.monotonic()
        for client in run.clients:
            client.terminate()
        for client in run.clients:
            client.wait(120.0)
        seconds = time.monotonic() - asked
        codes = {client.exit_code for client in run.clients}
        result = run.finish()
    note = f"exit codes {codes}; learned from {result.learned_of_reached:.2f} % of what reached Redis; {cores()} cores"
    return [
        Row(f"{args.clients} clients, SIGTERM to all: until the last is gone", seconds, 10, "s", COMMAND, True, note)
    ]


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
