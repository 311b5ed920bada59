"""A client with an actor and an environment made for tests, and a training node whose part the test plays itself."""

import random
import threading

import msgspec
import numpy as np
import pytest
from flaky_transport import FlakyTransport

from soulsai_core.client.client import Client
from soulsai_core.config import ClientSettings
from soulsai_core.contracts import Actor
from soulsai_core.errors import EnvironmentFailure
from soulsai_core.messages import Announcement, ArraySpec, Discrete, EnvSpec, Episode, Progress, Weights
from soulsai_core.steps import ITERATION, step_columns
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import StepDecoder, encode_weights

PATIENCE = 60  # seconds
SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
COLUMNS = step_columns(SPEC, {"step": ArraySpec((), "int64")}, 1e6)


class NumberingActor(Actor):
    """Numbers the steps it chooses, which shows rows that are lost, repeated or out of order.

    `before_step` is called with the actor each time before it acts. `started` has the numbers of the first steps of
    episodes.
    """

    def __init__(self):
        self.step = 0
        self.loaded = []
        self.configs = []
        self.indices = []
        self.started = []
        self.before_step = lambda actor: None

    def index_assigned(self, index):
        self.indices.append(index)

    def load(self, weights):
        self.loaded.append(weights.iteration)

    def change(self, config):
        self.configs.append((config, len(self.loaded)))

    def act(self, observations, masks, starts):
        self.before_step(self)
        rows = len(observations["observation"])
        numbers = np.arange(self.step + 1, self.step + rows + 1)
        self.started += numbers[starts].tolist()
        self.step += rows
        return np.zeros(rows, np.int64), {"step": numbers}

    def metrics(self):
        return {"epsilon": 0.5}


class FailingEnvironment(ScriptedEnvironment):
    """Raises EnvironmentFailure at the steps with these numbers, counted from 1 over all instances."""

    steps = 0
    closed = 0

    def __init__(self, failing_steps, **options):
        super().__init__(SPEC, **options)
        self.failing_steps = failing_steps

    def step(self, actions):
        FailingEnvironment.steps += 1
        if FailingEnvironment.steps in self.failing_steps:
            raise EnvironmentFailure("The game hangs.")
        return super().step(actions)

    def close(self):
        FailingEnvironment.closed += 1


class ShortestWaits(random.Random):
    """Gives waits the largest jitter, which halves them."""

    def random(self):
        return 1.0


class Node:
    """The training node, played by the test."""

    def __init__(self, server):
        self.server = server
        self.transport = MemoryTransport(server)
        self.name = "node-1"
        self.iteration = 0
        self.window = 1000
        self.quota = None
        self.last_id = ""
        self.messages = []
        self.client_indices = {}
        self.evaluation_turns = {}
        self.settings = 0
        self.decoder = StepDecoder(COLUMNS, SPEC.observations)

    def progress(self, *, run_id="training", state="running", acked=None, number=0):
        acked = {} if acked is None else {"pc": acked}
        progress = Progress(run_id, self.name, state, self.iteration, 0, self.window, acked, self.client_indices)
        return msgspec.msgpack.encode(
            msgspec.structs.replace(
                progress,
                number=number,
                settings=self.settings,
                evaluation_turns=self.evaluation_turns,
                evaluation_episodes=5,
            )
        )

    def announce(self, **config):
        """Announce a training with these settings of its algorithm."""
        algorithm = {"name": "toy", "config": config}
        announced = Announcement(1, "0.1.0", "training", {}, algorithm, {}, SPEC, {})
        self.transport.announce(msgspec.json.encode(announced))

    def publish(self, iteration=None, value=0.0, **options):
        self.iteration = self.iteration if iteration is None else iteration
        payload = encode_weights(Weights(self.iteration, {"w": np.full(1, value)}, quota=self.quota))
        self.transport.publish(self.iteration, payload, self.progress(**options))

    def acknowledge(self, number=None):
        self.transport.publish_progress(self.progress(acked=number or self.messages[-1].header.number))

    def send_progress(self, **options):
        self.transport.publish_progress(self.progress(**options))

    def receive(self, rows):
        """Take in messages until they have at least this many rows; returns the messages."""
        received = []
        while sum(len(message.steps) for message in received) < rows:
            entries = self.transport.read_samples(self.last_id, 100, PATIENCE)
            assert entries, f"only {received} came"
            self.last_id = entries[-1].id
            received += [self.decoder.decode(entry.payload) for entry in entries]
        self.messages += received
        return received

    def waiting(self):
        """Messages that arrived and were not yet received."""
        return self.transport.read_samples(self.last_id, 10_000, 0)

    def episodes(self, count):
        """The first `count` episode reports."""
        with self.server.changed:
            assert self.server.changed.wait_for(lambda: len(self.server.episodes) >= count, PATIENCE)
        return self.all_episodes()[:count]

    def all_episodes(self):
        """The episode reports so far."""
        return [msgspec.json.decode(e.payload, type=Episode) for e in self.transport.read_episodes("", 10_000, 0)]

    @staticmethod
    def steps(messages):
        return [int(step) for message in messages for step in message.steps.columns["step"]]

    @staticmethod
    def iterations(messages):
        return [int(iteration) for message in messages for iteration in message.steps.per_row(ITERATION)]

    def all_steps(self):
        """The steps of all messages in the order of their arrival, those that were not yet received last. Of messages
        that were sent again only the first counts, as in a node."""
        last = 0
        steps = []
        for message in [*self.messages, *(self.decoder.decode(entry.payload) for entry in self.waiting())]:
            if message.header.number > last:
                last = message.header.number
                steps += self.steps([message])
        return steps


class ClientThread:
    """A client that runs in a thread."""

    def __init__(self, client, actor, transport):
        self.client = client
        self.actor = actor
        self.transport = transport
        self.reason = None
        self.error = None
        self._thread = threading.Thread(target=self._run, name="client", daemon=True)
        self._waits = threading.Condition()
        self._waits_at = -1
        self._observe_waits(client._window)

    def _observe_waits(self, window):
        wait_for_room = window.wait_for_room

        def observed(rows, timeout):
            if not window.has_room(rows):
                with self._waits:
                    self._waits_at = self.client.env_steps
                    self._waits.notify_all()
            return wait_for_room(rows, timeout)

        window.wait_for_room = observed

    def assert_waits_for_room(self, env_steps):
        """The client makes this many steps, and then waits for room in the window instead of stepping."""
        with self._waits:
            assert self._waits.wait_for(lambda: self._waits_at >= env_steps, PATIENCE), "it never waits for room"
        assert self._waits_at == self.client.env_steps == env_steps

    def _run(self):
        try:
            self.reason = self.client.run()
        except BaseException as error:
            self.error = error

    def start(self):
        self._thread.start()
        return self

    def join(self):
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the client did not end"
        if self.error is not None:
            raise self.error
        return self.reason

    def stop(self):
        self.client.stop("the test is over")
        return self.join()

    def end(self):
        """Stop, whatever the state and the outcome."""
        self.client.stop("the test is over")
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """The client's threads look more often whether they shall stop, so that tests end sooner."""
    monkeypatch.setattr("soulsai_core.client.downlink._WAIT_S", 0.05)
    monkeypatch.setattr("soulsai_core.client.client._WAIT_S", 0.02)
    monkeypatch.setattr("soulsai_core.client.client._LAST_ROWS_TIMEOUT_S", 0.02)


@pytest.fixture
def server(clock):
    return MemoryServer(clock)


@pytest.fixture
def node(server):
    return Node(server)


@pytest.fixture
def flaky(server):
    """A client's transport whose server can be away."""
    return FlakyTransport(MemoryTransport(server))


@pytest.fixture
def rng():
    return ShortestWaits()


@pytest.fixture
def actor():
    return NumberingActor()


@pytest.fixture
def failing():
    """The class FailingEnvironment, with its counters at zero."""
    FailingEnvironment.steps = 0
    FailingEnvironment.closed = 0
    return FailingEnvironment


@pytest.fixture
def scripted():
    """A function: an environment of the spec with these options."""
    return lambda **options: ScriptedEnvironment(SPEC, **options)


@pytest.fixture
def client_thread(flaky, actor, clock, rng, scripted):
    """A function: (make_environment, wait, settings by name) -> a ClientThread that is not yet started."""
    threads = []

    def make(make_environment=None, wait=None, actor=actor, **settings):
        settings = {"max_message_age_s": 1e9, **settings}
        client = Client(
            transport=flaky,
            run_id="training",
            client="pc",
            host="host",
            spec=SPEC,
            columns=COLUMNS,
            actor=actor,
            make_environment=make_environment or (lambda: scripted(lengths=(5,))),
            settings=ClientSettings(**settings),
            clock=clock,
            rng=rng,
            check_settings=dict,
            **({} if wait is None else {"wait": wait}),
        )
        threads.append(ClientThread(client, actor, flaky))
        return threads[-1]

    yield make
    for thread in threads:
        flaky.away = False
        thread.end()
