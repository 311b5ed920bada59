"""`soulsai train` as users start it: the share of admitted samples, and the time until it solves LunarLander."""

from __future__ import annotations

import argparse
import tempfile
import time
from statistics import median

from benchmarks.common import RUN, Row, read_status, run_alone, say, server, soulsai
from soulsai_core.node.status.node_status import NodeStatus

SHARE_COMMAND = "python -m benchmarks.training --only share"
SOLVE_COMMAND = "python -m benchmarks.training --only solve"
TIMEOUT = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", choices=["share", "solve"], help="measure only this")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 8], help="numbers of clients to measure with")
    parser.add_argument("--env-steps", type=int, default=15_000, help="length of each training that measures the share")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="seeds of the trainings to 200")


def measure(args: argparse.Namespace) -> list[Row]:
    rows = []
    if args.only != "solve":
        rows += [_share(clients, args.env_steps) for clients in args.clients]
    if args.only != "share":
        rows.append(_solve(args.seeds))
    return rows


def _share(clients: int, env_steps: int) -> Row:
    status, seconds = train(clients, f"training.stop.env_steps={env_steps}")
    assert status.env_steps >= env_steps, "the training ended early"
    note = f"{status.env_steps / status.elapsed:,.0f} env steps/s, {sum(status.rejected.values())} rows rejected"
    admitted = f"{100 * status.acceptance:.2f} % admitted"
    say(f"{clients} clients, {seconds:.1f} s: {admitted}, {note}, staleness {status.staleness}")
    what = f"samples admitted, {clients} client{'s' * (clients > 1)} at full speed"
    return Row(what, 100 * status.acceptance, 99, "%", SHARE_COMMAND, note=note)


def _solve(seeds: list[int]) -> Row:
    times = []
    for seed in seeds:
        stops = ("training.stop.mean_return=200", f"training.stop.seconds={TIMEOUT}")
        status, seconds = train(2, f"run.seed={seed}", *stops, preset="lunar-lander")
        say(f"seed {seed}: {seconds:.1f} s, {status.env_steps} env steps, mean return {status.mean_return}")
        times.append(seconds)
    note = f"median of {len(seeds)} seeds: {', '.join(f'{seconds:.0f}' for seconds in times)}"
    what = "`soulsai train --preset lunar-lander`, 2 clients, launch until 50 episodes average 200"
    return Row(what, median(times), 75, "s", SOLVE_COMMAND, at_most=True, note=note)


def train(clients: int, *settings: str, preset: str | None = None) -> tuple[NodeStatus, float]:
    """Train to the end with `soulsai train`, with a preset if one is named. Returns its last status, and the seconds
    from its launch to its end.

    The server is not that of `soulsai train`, so that the status can be read after the training.
    """
    with tempfile.TemporaryDirectory() as folder, server() as (transport, address):
        overrides = [f"redis.address={address}", f"run.name={RUN}", f"run.saves={folder}"]
        began = time.perf_counter()
        words = [word for setting in (*overrides, *settings) for word in ("--set", setting)]
        named = () if preset is None else ("--preset", preset)
        process = soulsai("train", "--clients", str(clients), *named, *words)
        try:
            code = process.wait(TIMEOUT + 60)
        finally:
            process.terminate()
            process.wait(20)
        seconds = time.perf_counter() - began
        assert code == 0, f"`soulsai train` ended with code {code}"
        return read_status(transport), seconds


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
