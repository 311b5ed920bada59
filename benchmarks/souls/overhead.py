"""What a client does between two steps of a game, in milliseconds, while new weights keep arriving: choose the action,
take in the step, send. The game is left out: here it is a pause of a few milliseconds.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.souls.overhead     # as `soulsai client` sets them
"""

from __future__ import annotations

import argparse
import random
import threading
import time

import msgspec
import numpy as np

from benchmarks.common import RUN, Row, run_alone, server
from soulsai_core import Catalog, Client, Environment, EnvSpec, Step, Weights
from soulsai_core.assembly import connect_to
from soulsai_core.config import ClientSettings, load_config, resolve
from soulsai_core.messages import Progress
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_core.wire import encode_weights

COMMAND = "OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.souls.overhead"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the measurement")
    parser.add_argument("--pause", type=float, default=0.004, help="seconds that a step of the game takes")
    parser.add_argument("--weights-every", type=float, default=0.5, help="seconds between two new models")


def measure(args: argparse.Namespace) -> list[Row]:
    resolved = resolve(load_config(None, ["preset=iudex"], {}), Catalog())
    spec, rng = resolved.environment.spec(resolved.environment_config), np.random.default_rng(0)
    weights = resolved.algorithm.learner(resolved.algorithm_config, spec, rng).weights()
    game = _Game(spec, args.pause)
    with server() as (transport, address):
        client = Client(
            transport=connect_to(address, RUN, None), session="s", client="pc", host="host",
            actor=resolved.algorithm.actor(resolved.algorithm_config, spec, rng), make_environment=lambda: game,
            settings=ClientSettings(backpressure="drop"), clock=time.perf_counter, rng=random.Random(0),
        )  # fmt: skip
        play = threading.Thread(target=client.run)
        play.start()
        for iteration in range(int(args.seconds / args.weights_every)):
            progress = msgspec.msgpack.encode(Progress("s", "n", "running", iteration, 0, 1000))
            transport.publish(iteration, encode_weights(Weights(iteration, weights, 10**9)), progress)
            time.sleep(args.weights_every)
        client.stop("measured")
        play.join()
    gaps, computing = 1000 * np.array(game.gaps[100:]).T
    note = f"median {np.median(gaps):.2f}, {len(gaps):,} steps; of CPU time {np.quantile(computing, 0.999):.2f}"
    return [Row("client between two steps, 99.9th percentile", np.quantile(gaps, 0.999), 1, "ms", COMMAND, True, note)]


class _Game(Environment):
    num_envs = 1

    def __init__(self, spec: EnvSpec, pause: float) -> None:
        self.gaps: list[tuple[float, float]] = []
        self._inner = ScriptedEnvironment(spec, lengths=(300,))
        self._pause = pause
        self._answered = self._computed = 0.0

    def reset(self) -> Step:
        return self._inner.reset()

    def step(self, actions: np.ndarray) -> Step:
        if self._answered:
            self.gaps.append((time.perf_counter() - self._answered, time.thread_time() - self._computed))
        answer = self._inner.step(actions)
        time.sleep(self._pause)
        self._answered, self._computed = time.perf_counter(), time.thread_time()
        return answer

    def close(self) -> None:
        """Nothing to close."""


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
