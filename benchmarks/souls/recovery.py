"""Clients at 10 real steps a second, each in turn struck by a fault: how long until it samples again, and whether
anything false was learnt from. The whole trial is `--clients 4 --seconds 600`, with a fault every 30 seconds."""

from __future__ import annotations

import argparse
import random
import threading
import time

import msgspec
import numpy as np

from benchmarks.common import Row, run_alone, say
from soulsai_core import Actor, Client, SampleBatch, Transitions, Weights
from soulsai_core.config import ClientSettings
from soulsai_core.isolation import IsolatedEnvironment, installed
from soulsai_core.messages import Progress
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import encode_weights
from soulsai_souls_env.config import FaultsConfig, SimulationConfig, SoulsConfig
from soulsai_souls_env.plugin import plugin
from soulsai_souls_env.presets import iudex

COMMAND = "python -m benchmarks.souls.recovery"
KINDS = ("freeze", "crash", "exit", "dialog", "lost_focus", "slow_frame")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=2, help="clients, each with a game of its own")
    parser.add_argument("--seconds", type=float, default=120.0, help="length of the trial")
    parser.add_argument("--fault-every", type=float, default=30.0, help="seconds between two faults of all clients")


def measure(args: argparse.Namespace) -> list[Row]:
    every = args.fault_every * args.clients * 10
    players = [_Player(number, every) for number in range(args.clients)]
    for player in players:
        player.start()
    time.sleep(args.seconds)
    for player in players:
        player.finish()
        say(f"{player.actor.steps} steps, {player.client.restarts} restarts: {sorted(player.reasons)}")
    gaps = [gap for player in players for gap in player.actor.gaps] or [0.0]
    torn = sum(player.actor.torn for player in players)
    note = f"{sum(p.client.restarts for p in players)} restarts, median {np.median(gaps):.1f} s"
    longest = "longest time between the samples around a fault"
    return [
        Row(longest, max(gaps), 60, "s", COMMAND, at_most=True, note=note),
        Row("samples that do not join the one before them", torn, None, "rows", COMMAND),
    ]


class _Witness(Actor):
    """Acts at random, and holds each sample against the one before."""

    def __init__(self, seed: int) -> None:
        self.steps = self.torn = 0
        self.gaps: list[float] = []
        self._rng = np.random.default_rng(seed)
        self._seen: np.ndarray | None = None
        self._at = time.monotonic()
        self._cut = False

    def load(self, weights: Weights) -> None:
        """It has none."""

    def act(self, observations: dict[str, np.ndarray], masks: np.ndarray | None) -> np.ndarray:
        return np.array([self._rng.choice(np.flatnonzero(mask)) for mask in masks])

    def add(self, transitions: Transitions) -> None:
        now = transitions.observations["observation"][0]
        self.torn += self._seen is not None and not np.array_equal(self._seen, now)
        if self._cut:
            self.gaps.append(time.monotonic() - self._at)
        ended = transitions.terminated[0] or transitions.truncated[0]
        self._seen = None if ended else transitions.next_observations["observation"][0].copy()
        self._at, self._cut, self.steps = time.monotonic(), False, self.steps + 1

    def take(self) -> SampleBatch | None:
        return None

    def cut(self) -> None:
        self._seen, self._cut = None, True


class _Player:
    """A client with the real preset's babysitting, on the simulated game in real time."""

    def __init__(self, number: int, every: float) -> None:
        faults = FaultsConfig(kinds=KINDS, every=every, slow_frame_s=1.0)
        config = SoulsConfig(game="simulated", simulation=SimulationConfig(pace=1.0, faults=faults))
        settings = ClientSettings(**iudex.values["client"])
        transport = MemoryTransport(MemoryServer(time.monotonic))
        progress = msgspec.msgpack.encode(Progress("s", "n", "running", 0, 0, 10**9))
        transport.publish(0, encode_weights(Weights(0, {"w": np.zeros(1)})), progress)
        self.actor, self.reasons = _Witness(number), set[str]()
        starts = iter(range(number * 1000, 10**9))

        def make() -> IsolatedEnvironment:
            make = installed(plugin, config, next(starts))
            return IsolatedEnvironment(
                make, step_timeout=settings.step_timeout_s, start_timeout=settings.start_timeout_s
            )

        def wait(event: threading.Event, pause: float) -> bool:
            self.reasons.add(self.client._info().trouble[:40])
            return event.wait(pause)

        self.client = Client(
            transport=transport, session="s", client=f"pc-{number}", host="host", actor=self.actor,
            make_environment=make, settings=settings, clock=time.perf_counter, rng=random.Random(number), wait=wait,
        )  # fmt: skip
        self._thread = threading.Thread(target=self.client.run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        self.client.stop("measured")
        self._thread.join(60)


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
