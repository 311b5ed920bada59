"""A client around an actor and an environment made for tests, with a training node that the test plays itself."""

import random
import threading

import msgspec
import numpy as np
import pytest

from soulsai_core.client.client import Client
from soulsai_core.config import ClientSettings
from soulsai_core.contracts import Actor
from soulsai_core.errors import EnvironmentFailure, TransportError
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec, Episode, Progress, Weights
from soulsai_core.steps import ITERATION, step_columns
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import StepDecoder, encode_weights

PATIENCE = 20
SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
COLUMNS = step_columns(SPEC, {"step": ArraySpec((), "int64")}, 1e6)


class NumberingActor(Actor):
    """It numbers what it chooses, so that lost, doubled and disordered rows are seen. `before_step` is called with it
    each time before it chooses; `started` has the numbers of what was chosen where an episode begins."""

    def __init__(self):
        self.step, self.loaded, self.places, self.started = 0, [], [], []
        self.before_step = lambda actor: None

    def placed(self, place):
        self.places.append(place)

    def load(self, weights):
        self.loaded.append(weights.iteration)

    def act(self, observations, masks, starts):
        self.before_step(self)
        rows = len(observations["observation"])
        numbers = np.arange(self.step + 1, self.step + rows + 1)
        self.started += numbers[starts].tolist()
        self.step += rows
        return np.zeros(rows, np.int64), {"step": numbers}

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
        self.name, self.iteration, self.window, self.quota = "node-1", 0, 1000, None
        self.seen, self.messages, self.places = "", [], {}
        self.decoder = StepDecoder(COLUMNS, SPEC.observations)

    def progress(self, *, run_id="training", state="running", acked=None):
        acked = {} if acked is None else {"pc": acked}
        return msgspec.msgpack.encode(
            Progress(run_id, self.name, state, self.iteration, 0, self.window, acked, self.places)
        )

    def publish(self, iteration=None, **options):
        self.iteration = self.iteration if iteration is None else iteration
        payload = encode_weights(Weights(self.iteration, {"w": np.zeros(1)}, quota=self.quota))
        self.transport.publish(self.iteration, payload, self.progress(**options))

    def acknowledge(self, number=None):
        self.transport.publish_progress(self.progress(acked=number or self.messages[-1].header.number))

    def tell(self, **options):
        self.transport.publish_progress(self.progress(**options))

    def receive(self, rows):
        """Take in messages until there are so many more rows; returns the messages."""
        came = []
        while sum(len(message.steps) for message in came) < rows:
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
        return [int(step) for message in messages for step in message.steps.columns["step"]]

    @staticmethod
    def iterations(messages):
        return [int(iteration) for message in messages for iteration in message.steps.of_rows(ITERATION)]

    def all_steps(self):
        """The steps of all messages, in the order of their arrival, those that were not yet received last."""
        return self.steps(self.messages) + self.steps([self.decoder.decode(entry.payload) for entry in self.waiting()])


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
    monkeypatch.setattr("soulsai_core.client.downlink._WAIT", 0.05)
    monkeypatch.setattr("soulsai_core.client.client._WAIT", 0.02)


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
            **({} if wait is None else {"wait": wait}),
        )
        plays.append(Play(client, actor, flaky))
        return plays[-1]

    yield make
    for play in plays:
        flaky.away = False
        play.client.stop("the test is over")
        play._thread.ident is None or play._thread.join(PATIENCE)
