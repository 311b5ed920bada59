"""Milliseconds of a client between two steps of a game: record the step, choose the action, send it to the game.

New weights keep arriving meanwhile. Client and game are processes of their own, as on a gaming PC; the game is a pause
of a few milliseconds. A simulated training node publishes models through a real server. The wall clock includes what
else the machine does. The CPU time of the client's process includes all threads of the client, and that of the playing
thread only what the game has to wait for.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np

from benchmarks.common import RUN, Row, columns_of, decoder_of, run_alone, say, server
from soulsai_core import Catalog, Client, Environment, EnvSpec, Step, Weights
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.cli.client.realtime import prepare_for_realtime
from soulsai_core.config import Resolved, load_config, resolve
from soulsai_core.contracts import Transport
from soulsai_core.environments.isolation import IsolatedEnvironment
from soulsai_core.messages import Progress
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_core.wire import encode_weights

COMMAND = "python -m benchmarks.souls.overhead"
WARM_UP = 100
WINDOW = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the measurement")
    parser.add_argument("--pause", type=float, default=0.004, help="duration of a step of the game in seconds")
    parser.add_argument("--weights-every", type=float, default=0.5, help="seconds between two new models")
    parser.add_argument("--client", metavar="ADDRESS", help=argparse.SUPPRESS)


def measure(args: argparse.Namespace) -> list[Row]:
    with server() as (transport, address):
        command = [sys.executable, "-m", "benchmarks.souls.overhead", *sys.argv[1:], "--client", address]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        node = threading.Thread(target=_publish, args=(transport, args.weights_every, child), daemon=True)
        node.start()
        gaps = np.array(json.loads(child.communicate()[0]))
        node.join()
    wall, ours, playing = 1000 * gaps.T
    over = [f"{1000 * np.mean(clock > 1):.2f}" for clock in (wall, ours)]
    say(f"gaps over 1 ms: {over[0]} of 1000 by the wall clock, {over[1]} by CPU time")
    note = f"median {np.median(wall):.2f}, {len(wall):,} steps"
    what = "client between two steps, 99.9th percentile"
    return [
        Row(what, np.quantile(wall, 0.999), 1, "ms", COMMAND, True, note),
        Row("the same, CPU time of the client's process", np.quantile(ours, 0.999), 1, "ms", COMMAND, True),
        Row("the same, CPU time of the playing thread", np.quantile(playing, 0.999), None, "ms", COMMAND, True),
    ]


def _resolved() -> Resolved:
    return resolve(load_config(None, ["preset=iudex"], {}), Catalog())


def _publish(transport: Transport, every: float, child: subprocess.Popen[bytes]) -> None:
    """Publish new models and acknowledge samples until the child has ended."""
    resolved = _resolved()
    spec = resolved.environment.spec(resolved.environment_config)
    learner = resolved.algorithm.learner(resolved.algorithm_config, spec, np.random.default_rng(0))
    arrays = learner.weights()
    decoder = decoder_of(resolved)
    last = ""
    acked = 0
    iteration = 0
    while child.poll() is None:
        progress = msgspec.msgpack.encode(Progress("s", "n", "running", iteration, 0, WINDOW, {"pc": acked}))
        transport.publish(iteration, encode_weights(Weights(iteration, arrays, 10**9)), progress)
        iteration += 1
        time.sleep(every)
        for entry in transport.read_samples(last, 1000, 0):
            last = entry.id
            acked = decoder.decode(entry.payload).header.number
        if last:
            transport.release_samples(last)


def _play(address: str, seconds: float, pause: float) -> list[tuple[float, ...]]:
    """In the client's process: the durations between two steps, by three clocks."""
    resolved = _resolved()
    settings = resolved.config.client
    gaps = list[tuple[float, ...]]()
    spec = resolved.environment.spec(resolved.environment_config)
    rng = np.random.default_rng(0)
    transport = connect_to(address, RUN, None)
    client = Client(
        transport=transport, run_id="s", client="pc", host="host", spec=spec, columns=columns_of(resolved),
        actor=resolved.algorithm.actor(resolved.algorithm_config, spec, rng, True),
        make_environment=lambda: _TimedEnvironment(partial(_Game, spec, pause), gaps, settings.start_timeout_s),
        settings=settings, clock=time.perf_counter, rng=random.Random(0),
    )  # fmt: skip
    threading.Timer(seconds, client.stop, ("measured",)).start()
    prepare_for_realtime()
    client.run()
    transport.close()
    assert "torch" not in sys.modules, "a gaming PC has none"
    return gaps[WARM_UP:]


class _TimedEnvironment(IsolatedEnvironment):
    """Measures from the arrival of a step until the next actions are sent."""

    def __init__(self, make: Callable[[], Environment], gaps: list[tuple[float, ...]], patience: float) -> None:
        self._gaps = gaps
        self._answered: tuple[float, ...] = ()
        super().__init__(make, step_timeout=patience, start_timeout=patience)

    def step_async(self, actions: np.ndarray) -> None:
        super().step_async(actions)
        if self._answered:
            self._gaps.append(tuple(now - then for now, then in zip(_clocks(), self._answered, strict=True)))

    def step_wait(self) -> Step:
        self._connection.poll(None)
        self._answered = _clocks()
        return super().step_wait()


class _Game(Environment):
    """In the game's process."""

    num_envs = 1

    def __init__(self, spec: EnvSpec, pause: float) -> None:
        self._inner = ScriptedEnvironment(spec, lengths=(300,))
        self._pause = pause

    def reset(self) -> Step:
        return self._inner.reset()

    def step(self, actions: np.ndarray) -> Step:
        time.sleep(self._pause)
        return self._inner.step(actions)

    def close(self) -> None:
        """Nothing to close."""


def _clocks() -> tuple[float, float, float]:
    return time.perf_counter(), time.process_time(), time.thread_time()


if __name__ == "__main__":
    if "--client" in sys.argv:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        options = parser.parse_args()
        print(json.dumps(_play(options.client, options.seconds, options.pause)))
    else:
        run_alone(measure, add_arguments, __doc__)
