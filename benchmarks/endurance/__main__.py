"""kill -9 of a random one of Redis, training node, telemetry and clients, every 5 to 15 seconds: what is lost.

`make chaos` runs it for half an hour each with DQN and PPO on CartPole and LunarLander.
"""

from __future__ import annotations

import argparse
import time

from benchmarks.common import Row, run_alone, say
from benchmarks.endurance.kills import carry_out, schedule
from benchmarks.endurance.returns import spread
from benchmarks.endurance.training import Result, training

COMMAND = "python -m benchmarks.endurance"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--algorithms", nargs="+", default=["dqn", "ppo"], choices=["dqn", "ppo"])
    parser.add_argument("--environments", nargs="+", default=["CartPole", "LunarLander"])
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the schedule")
    parser.add_argument("--pauses", type=float, nargs=2, default=[5.0, 15.0], help="seconds from kill to kill")
    parser.add_argument("--only", nargs="+", help="kill these alone: redis, node, telemetry, client-1 …")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="further settings")
    parser.add_argument("--undisturbed", type=int, default=3, help="undisturbed runs to compare the final return with")
    parser.add_argument("--keep-logs", help="copy logs and history into this folder")


def measure(args: argparse.Namespace) -> list[Row]:
    pairs = [(algorithm, environment) for algorithm in args.algorithms for environment in args.environments]
    return [row for algorithm, environment in pairs for row in _measure(args, algorithm, environment)]


def _measure(args: argparse.Namespace, algorithm: str, environment: str) -> list[Row]:
    say(f"{algorithm} on {environment}, seed {args.seed} ...")
    seconds = 60 * args.minutes
    options = {"algorithm": algorithm, "environment": environment, "clients": args.clients, "settings": args.set}
    with training(**options) as run:
        names = args.only or list(run.services)
        kills = list(schedule(names, seconds, args.seed, tuple(args.pauses)))
        begun = time.monotonic()
        run.start()
        try:
            ended = carry_out(run, kills, seconds, say)
            say(f"{len(kills)} kills in {time.monotonic() - begun:.0f} s; stopping ...")
            result = run.finish()
        finally:
            if args.keep_logs:
                run.copy_logs(args.keep_logs)
        say(str(result))
    rows = _rows(result, f"{algorithm} on {environment}", len(kills), len(ended), args)
    others = spread(algorithm, environment, result.learned, range(1, args.undisturbed + 1))
    return [*rows, _final_return(result, others, f"{algorithm} on {environment}", rows[0].command)]


def _rows(result: Result, what: str, kills: int, ended: int, args: argparse.Namespace) -> list[Row]:
    command = f"{COMMAND} --minutes {args.minutes:g} --seed {args.seed}"
    exact = result.repeated + result.missing + max(result.reported - result.kept, 0)
    note = f"{kills} kills, {result.learned:,} steps"
    wrong = len(result.orphans) + len(result.tracebacks) + ended
    return [
        Row(f"{what}: learned of what reached Redis", result.learned_of_reached, 99.5, "%", command, note=note),
        Row(f"{what}: learned of all that was played", result.learned_of_played, 98.0, "%", command),
        Row(f"{what}: episodes repeated or missing", exact, 0, "", command, True, f"of {result.kept}"),
        Row(f"{what}: processes left, services with a traceback, services that ended by themselves", wrong, 0, "",
            command, True),
    ]  # fmt: skip


def _final_return(result: Result, others: list[float], what: str, command: str) -> Row:
    note = "undisturbed: " + ", ".join(f"{one:.1f}" for one in others) if others else ""
    return Row(f"{what}: final return", result.final_return, min(others, default=None), "", command, note=note)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
