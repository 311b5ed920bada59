"""Steps per second of one client on one core, compared with the bare environment, and the core's own time in a step.

The client is the real one, with DQN's actor at the end of its exploration. The bare environment gets random actions.
The server and a simulated training node, which receives steps, acknowledges them and publishes models, run on the other
core. For the core's own time, environment and actor are stubs that return what was made before.
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
from itertools import cycle
from statistics import median

import gymnasium
import msgspec
import numpy as np

from benchmarks.common import RUN, Row, columns_of, decoder_of, lunar_lander, pin, run_alone, say, server
from soulsai_core import Actor, Arrays, Client, Environment, Step
from soulsai_core.assembly.client import make_client
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.config.models import ClientSettings
from soulsai_core.contracts import API_VERSION, Transport
from soulsai_core.messages import Announcement, Progress, Weights
from soulsai_core.wire import encode_weights

COMMAND = "python -m benchmarks.client_speed"
CLIENT_CORE = 0
OTHER_CORE = 1
ROWS_PER_ITERATION = 512
WINDOW = 2 * ROWS_PER_ITERATION
UPDATE_SECONDS = 0.025
EPISODE = 200
RUN_ID = "client_speed"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each with random actions and then a client")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    parser.add_argument("--client", metavar="ADDRESS", help=argparse.SUPPRESS)


def measure(args: argparse.Namespace) -> list[Row]:
    pin(OTHER_CORE)
    with server() as (transport, address):
        node = SimulatedNode(transport)
        node.start()
        command = [sys.executable, "-m", "benchmarks.client_speed", "--client", address]
        options = [f"--rounds={args.rounds}", f"--seconds={args.seconds}"]
        child = subprocess.run([*command, *options], stdout=subprocess.PIPE, check=True)
        node.stop()
    rounds = json.loads(child.stdout)
    for bare, ours, core in rounds:
        say(f"random actions {bare:,.0f} steps/s, client {ours:,.0f} ({ours / bare:.0%}), core {core:.1f} µs a step")
    best = max(ours for _, ours, _ in rounds)
    share = 100 * median(ours / bare for bare, ours, _ in rounds)
    core = min(core for *_, core in rounds)
    note = f"best of {len(rounds)} rounds; random actions {max(bare for bare, *_ in rounds):,.0f}"
    cpu = "CPU time of the process, its sending included; environment and actor are stubs"
    return [
        Row("client on one core, LunarLander", best, 20_000, "env steps/s", COMMAND, note=note),
        Row("the same, of the bare random loop", share, 60, "%", COMMAND, note=f"median of {len(rounds)} rounds"),
        Row("client: the core's own time a step", core, None, "µs", COMMAND, note=cpu),
    ]


class SimulatedNode(threading.Thread):
    """A training node without a learner: it publishes the same weights as often as a fast learner makes new ones."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(name="simulated-node", daemon=True)
        resolved = lunar_lander()
        spec = resolved.environment.spec(resolved.environment_config)
        public = resolved.public()
        parts = {part: public[part] for part in ("environment", "algorithm", "client")}
        parts |= {"spec": spec, "columns": columns_of(resolved)}
        announcement = Announcement(api=API_VERSION, version="0", run_id=RUN_ID, **parts)
        learner = resolved.algorithm.learner(resolved.algorithm_config, spec, np.random.default_rng(0))
        self._decoder = decoder_of(resolved)
        self._arrays = learner.weights()
        self._transport = transport
        self._iteration = 0
        self._rows = 0
        self._next_model = 0.0
        self._stopped = threading.Event()
        self._acked: dict[str, int] = {}
        transport.announce(msgspec.json.encode(announcement))
        self._publish()

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        last = ""
        while not self._stopped.is_set():
            for entry in self._transport.read_samples(last, 256, 0.2):
                last = entry.id
                header = self._decoder.decode(entry.payload).header
                self._acked[header.client] = header.number
                self._rows += header.rows
            if last:
                self._transport.release_samples(last)
            if self._rows // ROWS_PER_ITERATION > self._iteration and time.monotonic() >= self._next_model:
                self._next_model = time.monotonic() + UPDATE_SECONDS
                self._iteration += 1
                self._publish()
            else:
                self._transport.publish_progress(self._progress())

    def _publish(self) -> None:
        weights = Weights(self._iteration, self._arrays, env_steps=10**6)
        self._transport.publish(self._iteration, encode_weights(weights), self._progress())

    def _progress(self) -> bytes:
        progress = Progress(RUN_ID, "simulated-node", "running", self._iteration, self._rows, WINDOW, self._acked)
        return msgspec.msgpack.encode(progress)


def _rounds(args: argparse.Namespace) -> list[tuple[float, float, float]]:
    """In the client's process. For each round: steps per second of the bare environment and of the client, and
    microseconds of the core's own time in a step."""
    pin(CLIENT_CORE)
    rounds = []
    for _ in range(args.rounds):
        bare = _random_actions(args.seconds)
        ours, _ = _run(
            args.client, args.seconds, lambda announcement, transport: make_client(announcement, transport, seed=0)
        )
        _, core = _run(args.client, args.seconds, _stubbed)
        rounds.append((bare, ours, core))
    return rounds


def _random_actions(seconds: float) -> float:
    env = gymnasium.make("LunarLander-v3")
    env.reset(seed=0)
    env.action_space.seed(0)
    steps = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(100):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        steps += 100
    return steps / (time.perf_counter() - started)


def _run(address: str, seconds: float, make: Callable[[Announcement, Transport], Client]) -> tuple[float, float]:
    """Run a client. Returns its steps per second, and the CPU time of this process in microseconds for each step."""
    transport = connect_to(address, RUN, None)
    payload = transport.read_config()
    assert payload is not None
    client = make(msgspec.json.decode(payload, type=Announcement), transport)
    found = []

    def watch() -> None:
        time.sleep(0.5)  # the first steps load the weights and fill the caches
        before = client.env_steps
        started = time.perf_counter()
        cpu = time.process_time()
        time.sleep(seconds)
        steps = client.env_steps - before
        used = time.process_time() - cpu
        found.append((steps / (time.perf_counter() - started), 1e6 * used / steps))
        client.stop("measured")

    threading.Thread(target=watch, daemon=True).start()
    client.run()
    transport.close()
    return found[0]


def _stubbed(announcement: Announcement, transport: Transport) -> Client:
    return Client(
        transport=transport,
        run_id=announcement.run_id,
        client="client",
        host="host",
        spec=announcement.spec,
        columns=announcement.columns,
        actor=StubActor(),
        make_environment=lambda: StubEnvironment(announcement.spec.observations["observation"].shape),
        settings=ClientSettings(),
        clock=time.perf_counter,
        rng=random.Random(0),
    )


class StubActor(Actor):
    """Always answers with the same action."""

    def __init__(self) -> None:
        self._answer: tuple[np.ndarray, Arrays] = np.zeros(1, np.int64), {}

    def load(self, weights: Weights) -> None:
        """The answer does not depend on weights."""

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        return self._answer


class StubEnvironment(Environment):
    """Repeats one episode with vectors as observations."""

    num_envs = 1

    def __init__(self, shape: tuple[int, ...]) -> None:
        rng = np.random.default_rng(0)
        observations = rng.random((EPISODE + 1, 1, *shape)).astype(np.float32)
        reward = np.ones(1, np.float32)
        false = np.zeros(1, np.bool_)
        true = np.ones(1, np.bool_)
        steps = [Step({"observation": one}, reward, false, false) for one in observations]
        steps[-1] = Step(
            {"observation": observations[0]}, reward, true, false, final={0: {"observation": observations[-1][0]}}
        )
        self._first = steps[0]
        self._next_steps = cycle(steps[1:])

    def reset(self) -> Step:
        return self._first

    def step(self, actions: np.ndarray) -> Step:
        return next(self._next_steps)

    def close(self) -> None:
        """Nothing is open."""


if __name__ == "__main__":
    if "--client" in sys.argv:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        print(json.dumps(_rounds(parser.parse_args())))
    else:
        run_alone(measure, add_arguments, __doc__)
