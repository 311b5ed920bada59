"""A client around an actor and an environment made for tests, with a training node that the test plays itself."""

import random
import threading

import msgspec
import numpy as np
import pytest

from soulsai_core.client import Client
from soulsai_core.config import ClientSettings
from soulsai_core.contracts import Actor
from soulsai_core.errors import EnvironmentFailure, TransportError
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec, Episode, Progress, SampleBatch, Weights
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import SampleDecoder, encode_weights

PATIENCE = 20
SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
COLUMNS = {"step": ArraySpec((), "int64"), "truncated": ArraySpec((), "bool")}


class NumberingActor(Actor):
    """Its samples are numbered steps, so that lost, doubled and disordered ones are seen."""

    def __init__(self):
        self.step, self.rows, self.loaded, self.cuts = 0, [], [], 0
        self.places = []
        self.wanted = threading.Event()
        self.wanted.set()
        self.after_step = lambda actor: None

    def want_newer_every(self, steps):
        """After so many steps, be ready only once newer weights were loaded."""
        load = self.load
        self.load = lambda weights: (load(weights), self.wanted.set())
        self.after_step = lambda actor: actor.step % steps or self.wanted.clear()

    def placed(self, place):
        self.places.append(place)

    def load(self, weights):
        self.loaded.append(weights.iteration)

    def act(self, observations, masks):
        return np.zeros(len(observations["observation"]), np.int64)

    def add(self, transitions):
        for truncated in transitions.truncated.tolist():
            self.step += 1
            self.rows.append((self.loaded[-1], self.step, truncated))
        self.after_step(self)

    def take(self):
        rows, self.rows = self.rows, []
        if not rows:
            return None
        columns = {"step": np.array([r[1] for r in rows]), "truncated": np.array([r[2] for r in rows])}
        return SampleBatch(np.array([r[0] for r in rows], np.int64), columns)

    def cut(self):
        self.cuts += 1

    def ready(self):
        return self.wanted.is_set()

    def metrics(self):
        return {"epsilon": 0.5}


class Breakable(ScriptedEnvironment):
    """Raises EnvironmentFailure at the steps given, counted over all starts."""

    steps = 0
    closed = 0

    def __init__(self, breaks, **options):
        super().__init__(SPEC, **options)
        self.breaks = breaks

    def step(self, actions):
        Breakable.steps += 1
        if Breakable.steps in self.breaks:
            raise EnvironmentFailure("The game hangs.")
        return super().step(actions)

    def close(self):
        Breakable.closed += 1


class Flaky:
    """A transport whose server can be away: every call then fails, and `refused` counts them."""

    def __init__(self, transport):
        self._transport = transport
        self.away = False
        self.refused = threading.Semaphore(0)

    def __getattr__(self, name):
        method = getattr(self._transport, name)

        def call(*args, **options):
            if self.away:
                self.refused.release()
                raise TransportError("The server is away.")
            return method(*args, **options)

        return call


class Instant(random.Random):
    """Takes half off each wait, the most there is."""

    def random(self):
        return 1.0


class Node:
    """The training node, played by the test."""

    def __init__(self, server):
        self.server, self.transport = server, MemoryTransport(server)
        self.name, self.iteration, self.window = "node-1", 0, 1000
        self.seen, self.messages, self.places = "", [], {}
        self.decoder = SampleDecoder(COLUMNS)

    def progress(self, *, session="training", state="running", acked=None):
        acked = {} if acked is None else {"pc": acked}
        return msgspec.msgpack.encode(
            Progress(session, self.name, state, self.iteration, 0, self.window, acked, self.places)
        )

    def publish(self, iteration=None, **options):
        self.iteration = self.iteration if iteration is None else iteration
        payload = encode_weights(Weights(self.iteration, {"w": np.zeros(1)}))
        self.transport.publish(self.iteration, payload, self.progress(**options))

    def acknowledge(self, number=None):
        self.transport.publish_progress(self.progress(acked=number or self.messages[-1].header.number))

    def tell(self, **options):
        self.transport.publish_progress(self.progress(**options))

    def receive(self, rows):
        """Take in messages until there are so many more rows; returns the messages."""
        came = []
        while sum(len(message.batch) for message in came) < rows:
            entries = self.transport.read_samples(self.seen, 100, PATIENCE)
            assert entries, f"only {came} came"
            self.seen = entries[-1].id
            came += [self.decoder.decode(entry.payload) for entry in entries]
        self.messages += came
        return came

    def waiting(self):
        """Messages that came and were not yet received."""
        return self.transport.read_samples(self.seen, 10_000, 0)

    def episodes(self, count):
        """The first so many episode reports."""
        with self.server.changed:
            assert self.server.changed.wait_for(lambda: len(self.server.episodes) >= count, PATIENCE)
        return [msgspec.json.decode(e.payload, type=Episode) for e in self.transport.read_episodes("", count, 0)]

    @staticmethod
    def steps(messages):
        return [int(step) for message in messages for step in message.batch.columns["step"]]


class Play:
    """A client in a thread."""

    def __init__(self, client, actor, transport):
        self.client, self.actor, self.transport = client, actor, transport
        self.reason = self.error = None
        self._thread = threading.Thread(target=self._run, name="client", daemon=True)

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


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """The client's threads look more often, so that it ends sooner."""
    monkeypatch.setattr("soulsai_core.downlink._WAIT", 0.05)
    monkeypatch.setattr("soulsai_core.client._WAIT", 0.02)


@pytest.fixture
def server(clock):
    return MemoryServer(clock)


@pytest.fixture
def node(server):
    return Node(server)


@pytest.fixture
def flaky(server):
    """A client's transport whose server can be away."""
    return Flaky(MemoryTransport(server))


@pytest.fixture
def rng():
    return Instant()


@pytest.fixture
def actor():
    return NumberingActor()


@pytest.fixture
def breakable():
    """The environment's class, its counters at zero."""
    Breakable.steps = Breakable.closed = 0
    return Breakable


@pytest.fixture
def scripted():
    """A function: an environment of the spec with these options."""
    return lambda **options: ScriptedEnvironment(SPEC, **options)


@pytest.fixture
def played(flaky, actor, clock, rng, scripted):
    """A function that makes a client: (make_environment, wait, settings by name) -> Play."""
    plays = []

    def make(make_environment=None, wait=None, **settings):
        settings = {"max_group_age_s": 1e9, **settings}
        client = Client(
            transport=flaky,
            session="training",
            client="pc",
            host="host",
            actor=actor,
            make_environment=make_environment or (lambda: scripted(lengths=(5,))),
            settings=ClientSettings(**settings),
            clock=clock,
            rng=rng,
            **({} if wait is None else {"wait": wait}),
        )
        plays.append(Play(client, actor, flaky))
        return plays[-1]

    yield make
    for play in plays:
        flaky.away = False
        play.client.stop("the test is over")
        play._thread.ident is None or play._thread.join(PATIENCE)
