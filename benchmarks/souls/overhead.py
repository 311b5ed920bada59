"""What a client does between two steps of a game, in milliseconds, while new weights keep arriving: take the step in,
choose the action, send it to the game's process. The game is left out: here it is a pause of a few milliseconds.

The client has a process of its own and its game another, as on a gaming PC; a stand-in for the training node publishes
models to it through a real server. By the wall clock a gap also holds what else the machine does; by the CPU time of
the client's process it holds only what the client's threads did meanwhile, and by that of the playing thread only what
had to be waited for.
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
from soulsai_core.cli.realtime import prepare_for_realtime
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
    parser.add_argument("--pause", type=float, default=0.004, help="seconds that a step of the game takes")
    parser.add_argument("--weights-every", type=float, default=0.5, help="seconds between two new models")
    parser.add_argument("--client", metavar="ADDRESS", help=argparse.SUPPRESS)


def measure(args: argparse.Namespace) -> list[Row]:
    with server() as (transport, address):
        command = [sys.executable, "-m", "benchmarks.souls.overhead", *sys.argv[1:], "--client", address]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        stand_in = threading.Thread(target=_publish, args=(transport, args.weights_every, child), daemon=True)
        stand_in.start()
        gaps = np.array(json.loads(child.communicate()[0]))
        stand_in.join()
    wall, ours, playing = 1000 * gaps.T
    say(f"gaps over 1 ms: {1000 * np.mean(wall > 1):.2f} of 1000 by the wall, {1000 * np.mean(ours > 1):.2f} by CPU")
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
    """New models until the child has ended; what it sends is taken in."""
    resolved = _resolved()
    spec = resolved.environment.spec(resolved.environment_config)
    learner = resolved.algorithm.learner(resolved.algorithm_config, spec, np.random.default_rng(0))
    arrays, decoder, last, acked, iteration = learner.weights(), decoder_of(resolved), "", 0, 0
    while child.poll() is None:
        progress = msgspec.msgpack.encode(Progress("s", "n", "running", iteration, 0, WINDOW, {"pc": acked}))
        transport.publish(iteration, encode_weights(Weights(iteration, arrays, 10**9)), progress)
        iteration += 1
        time.sleep(every)
        for entry in transport.read_samples(last, 1000, 0):
            last, acked = entry.id, decoder.decode(entry.payload).header.number
        if last:
            transport.release_samples(last)


def _play(address: str, seconds: float, pause: float) -> list[tuple[float, ...]]:
    """In the client's process: the gaps."""
    resolved = _resolved()
    settings, gaps = resolved.config.client, list[tuple[float, ...]]()
    spec, rng = resolved.environment.spec(resolved.environment_config), np.random.default_rng(0)
    transport = connect_to(address, RUN, None)
    client = Client(
        transport=transport, run_id="s", client="pc", host="host", spec=spec, columns=columns_of(resolved),
        actor=resolved.algorithm.actor(resolved.algorithm_config, spec, rng, True),
        make_environment=lambda: _Watched(partial(_Game, spec, pause), gaps, settings.start_timeout_s),
        settings=settings, clock=time.perf_counter, rng=random.Random(0),
    )  # fmt: skip
    threading.Timer(seconds, client.stop, ("measured",)).start()
    prepare_for_realtime()
    client.run()
    transport.close()
    assert "torch" not in sys.modules, "a gaming PC has none"
    return gaps[WARM_UP:]


class _Watched(IsolatedEnvironment):
    """Notes what passes between the arrival of an answer and the departure of the next actions."""

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
