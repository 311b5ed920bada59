"""Recovery of clients from faults of their games: the time until they sample again, and false and late samples.

The games are simulated at 10 real steps a second, in processes of their own, with the client's settings of the preset
`iudex`. A real training node learns from them. The whole trial is `--clients 4 --seconds 600`, with a fault every 30
seconds on average. With `--times N` there is one kind of fault after the other instead, each until it came N times.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from benchmarks.common import RUN, Row, columns_of, decoder_of, read_status, run_alone, say, server, soulsai, wait_until
from benchmarks.souls.row_checker import RowChecker
from soulsai_core import Catalog, Client, Environment
from soulsai_core.app import Transport
from soulsai_core.assembly.client import wait_for_announcement
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.config import Resolved, load_config, resolve
from soulsai_core.environments.isolation import IsolatedEnvironment, installed
from soulsai_core.wire import StepDecoder
from soulsai_souls_env.config import SimulationConfig

COMMAND = "python -m benchmarks.souls.recovery"
KINDS = ("freeze", "crash", "exit", "dialog", "lost_focus", "slow_frame")
STEPS_PER_SECOND = 10
# Environment steps from one fault to the next where each kind comes alone, and of an episode then: one has to end in
# between, since the pauses before a new start grow while none does.
_STEPS_BETWEEN = 80
_EPISODE_STEPS = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=2, help="clients, each with a game of its own")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the trial")
    parser.add_argument("--times", type=int, help="how often each kind of fault comes; then --seconds does not count")
    parser.add_argument("--fault-every", type=float, default=30.0, help="mean seconds from one fault to the next")


def measure(args: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, server() as (transport, address):
        settings = _settings(folder, address)
        resolved = resolve(load_config(None, settings, {}), Catalog())
        node = soulsai("training-node", *(word for one in settings for word in ("--set", one)))
        try:
            announcement = wait_for_announcement(transport, lambda: node.poll() is None)
            assert announcement is not None, "the training node has ended"
            players: list[_Player] = []
            for kinds, simulation in _phases(args):
                environment: dict[str, Any] = {"simulation": SimulationConfig.model_validate(simulation)}
                if args.times is not None:
                    environment["max_episode_steps"] = _EPISODE_STEPS
                config = resolved.environment_config.model_copy(update=environment)
                numbers = range(len(players), len(players) + args.clients)
                phase = [_Player(number, resolved, config, announcement.run_id, address) for number in numbers]
                _play(phase, kinds, args)
                players += phase
            status = read_status(transport)
        finally:
            node.terminate()
            node.wait(60)
    gaps = [gap for player in players for gap in player.checker.gaps] or [0.0]
    restarts = sum(player.client.restarts for player in players)
    samples, false = (sum(getattr(player.checker, name) for player in players) for name in ("samples", "false"))
    length = f"{args.seconds:.0f} s" if args.times is None else f"each fault {args.times} times"
    note = f"{restarts} restarts, median {np.median(gaps):.1f} s, {args.clients} clients, {length}"
    rejected = f"{status.iteration} iterations, rejected: {status.rejected}"
    return [
        Row("longest time without samples around a fault", max(gaps), 60, "s", COMMAND, at_most=True, note=note),
        Row("samples that disagree with the environment's steps", false, 0, "rows", COMMAND, True, f"of {samples:,}"),
        Row("samples rejected", 100 * (1 - status.acceptance), 1, "%", COMMAND, at_most=True, note=rejected),
    ]


def _phases(args: argparse.Namespace) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Kinds of faults that come together, and the settings of the simulated game for them."""
    if args.times is None:
        every = args.fault_every * args.clients * STEPS_PER_SECOND
        yield KINDS, {"pace": 1, "faults": {"kinds": KINDS, "every": every, "slow_frame_s": 1}}
        return
    for kind in KINDS:
        faults = {"kinds": (kind,), "every": _STEPS_BETWEEN, "exact": True, "slow_frame_s": 1}
        yield (kind,), {"pace": 1, "faults": faults}


def _settings(folder: str, address: str) -> list[str]:
    return [
        "preset=iudex",
        f"run.saves={folder}",
        f"run.name={RUN}",
        f"redis.address={address}",
        "environment.config.game=simulated",
        "environment.config.game_speed=1",
        "algorithm.config.learning_starts=500",
        "telemetry.enabled=false",
    ]


def _play(players: list[_Player], kinds: tuple[str, ...], args: argparse.Namespace) -> None:
    for player in players:
        player.start()
    if args.times is None:
        time.sleep(args.seconds)
    else:
        # Slow frames restart nothing: they are late steps.
        wait_until(lambda: sum(player.faults for player in players) >= args.times, 1200, pause=0.2)
        # What the last faults broke off has to go on, too.
        failures = [player.client.restarts for player in players]
        wait_until(lambda: all(map(_Player.has_recovered, players, failures)), 120, pause=0.2)
    say(f"{', '.join(kinds)}: {sum(player.faults for player in players)} faults")
    for player in players:
        player.finish()
        say(f"{player.checker.steps} steps, {player.client.restarts} restarts: {dict(player.reasons)}")


class _Player:
    """A client as in `soulsai client`, with a checker of its rows and a new seed at each start of its game."""

    def __init__(self, number: int, resolved: Resolved, config: BaseModel, run_id: str, address: str) -> None:
        settings = resolved.config.client
        spec = resolved.environment.spec(resolved.environment_config)
        self.checker = RowChecker()
        self.reasons = Counter[str]()
        self._transport = connect_to(address, RUN, None)
        seeds = iter(range(number * 1000, 10**9))

        def make() -> Environment:
            make = installed(resolved.environment, config, next(seeds))
            isolated = IsolatedEnvironment(
                make,
                step_timeout=settings.step_timeout_s,
                start_timeout=settings.start_timeout_s,
                reset_timeout=settings.reset_timeout_s,
            )
            return self.checker.wrap(isolated)

        def wait(event: threading.Event, pause: float) -> bool:
            self.reasons[self.client._info().problem[:40]] += 1
            return event.wait(pause)

        self.client = Client(
            transport=_CheckedTransport(self._transport, self.checker, decoder_of(resolved)),  # type: ignore[arg-type]
            run_id=run_id, client=f"pc-{number}", host="host", spec=spec, columns=columns_of(resolved),
            actor=resolved.algorithm.actor(resolved.algorithm_config, spec, np.random.default_rng(number), True),
            make_environment=make, settings=settings, clock=time.perf_counter, rng=random.Random(number), wait=wait,
        )  # fmt: skip
        self._thread = threading.Thread(target=self.client.run, daemon=True)

    @property
    def faults(self) -> int:
        """Failures and late steps so far."""
        return self.client.restarts + self.client._watchdog.late_steps

    def has_recovered(self, failures: int) -> bool:
        """Whether there was a step after each of these failures."""
        return len(self.checker.gaps) >= failures

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Stop the client. If it has not recovered yet, the time up to now counts."""
        self.checker.close()
        self.client.stop("measured")
        self._thread.join(60)
        self._transport.close()


class _CheckedTransport:
    """A transport that passes the steps that it sends to the checker."""

    def __init__(self, transport: Transport, checker: RowChecker, decoder: StepDecoder) -> None:
        self._transport = transport
        self._checker = checker
        self._decoder = decoder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def push_samples(self, payloads: Sequence[bytes]) -> None:
        self._transport.push_samples(payloads)
        for payload in payloads:
            self._checker.on_sent(self._decoder.decode(payload).steps)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
