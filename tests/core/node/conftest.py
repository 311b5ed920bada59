"""A training node around a learner made for tests, in a thread, with a transport in memory to reach it from outside."""

import random
import threading

import msgspec
import numpy as np
import pytest
from flaky_transport import FlakyTransport
from waiting import wait_for

from soulsai_core.config import StopSettings, TrainingSettings
from soulsai_core.contracts import Learner, Sync
from soulsai_core.errors import CheckpointError, SoulsAIError
from soulsai_core.hooks.hookspecs import hookimpl
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import (
    Announcement,
    ArraySpec,
    ClientInfo,
    Command,
    Discrete,
    EnvSpec,
    Episode,
    Progress,
    Reply,
    State,
)
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import ITERATION, StepBatch, has_after
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import encode_steps

PATIENCE = 60
"""Seconds after which a test that waits has failed."""

SYNC = Sync(max_staleness=3, rows_per_iteration=4)
SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
COLUMNS = {
    "action": ArraySpec((), "uint8", 0, 1),
    "observation": ArraySpec((2,), "float32", -10, 10),
    "reward": ArraySpec((), "float32"),
}


@pytest.fixture(autouse=True)
def no_wait_for_clients_that_leave(monkeypatch):
    """The clients of these tests do not listen, and so never leave."""
    monkeypatch.setattr("soulsai_core.node.monitor._LEAVING", 0.0)


def made_steps(iterations, value=0.0, *, stream=0, position=0, source=0, closed=None, end=0, **changed):
    """Steps of one stream with these iterations. The first numbers of the observations are the value."""
    table = []
    for row, iteration in enumerate(iterations):
        if table and table[-1][3] == iteration:
            table[-1][2] += 1
        else:
            table.append([stream, position + row, 1, iteration, source, int(position + row == 0), 0])
    if table:
        table[-1][6] = end
    segments = np.array(table, np.int64).reshape(-1, 7)
    rows, after = len(iterations), int(has_after(segments).sum())
    columns = {
        "action": np.zeros(rows, np.uint8),
        "observation": np.full((rows, 2), value, np.float32),
        "reward": np.zeros(rows, np.float32),
    }
    return StepBatch(segments, {**columns, **changed}, {"observation": np.zeros((after, 2), np.float32)}, {}, closed)


class CountingLearner(Learner):
    """Its model is the number of its updates; it keeps all rows, and notes what the node calls."""

    def __init__(self):
        self.rows, self.updates = [], 0
        self.closed = []
        self.calls = []
        self.report = {"loss": np.float32(0.5)}
        self.before_update = lambda: None
        self.diverges_at = None
        self._wanted = None

    def add(self, steps, client):
        self.calls.append("add")
        self._take(steps, client)

    def _take(self, steps, client):
        first = steps.columns["observation"][:, 0].tolist()
        self.rows += [(client, int(i), x) for i, x in zip(steps.per_row(ITERATION), first, strict=True)]
        self.closed += [(client, steps.closed)] if steps.closed else []

    def update(self):
        self.calls.append("update")
        self.before_update()
        self.updates += 1
        return self.report

    def weights(self):
        if self.updates == self.diverges_at:  # as the checks of plugins say it
            raise SoulsAIError("The algorithm 'counting' of acme 1.2 has diverged: Learner.weights gave nan in 'w'.")
        return {"w": np.full(2, self.updates, np.float32)}

    def evaluation_weights(self):
        return {"w": np.full(2, -self.updates, np.float32)}

    def save(self):
        return State({"network": self.weights()}, {"updates": self.updates, "rows": len(self.rows)})

    def load(self, state):
        if "network" not in state.arrays:
            raise CheckpointError("this is not a checkpoint of the counting learner")
        self.loaded, self.updates = state, state.values["updates"]
        self.rows = []
        self._wanted = state.values["rows"]

    def reach(self):
        return len(self.rows) if self._wanted is None else self._wanted

    def restore(self, steps, client):
        self.calls.append("restore")
        self._take(steps, client)

    def restored(self, *, complete):
        self._wanted = None
        self.calls.append(("restored", complete))

    def started(self, *, resumed):
        self.calls.append(("started", resumed))

    def updated(self, iteration):
        self.calls.append(("updated", iteration))

    def clients_changed(self, clients):
        self.calls.append(("clients", clients))

    def stopped(self):
        self.calls.append("stopped")


class Recorder:
    """An observer that records every event, with all of its documented arguments."""

    def __init__(self):
        self.events = []
        self.failed = lambda: None
        self._changed = threading.Condition()

    def note(self, event, **arguments):
        with self._changed:
            self.events.append((event, arguments))
            self._changed.notify_all()

    def all(self, event):
        return [arguments for name, arguments in tuple(self.events) if name == event]

    def wait(self, event, count=1, where=lambda arguments: True):
        """The arguments of the first `count` such events; fails if they do not come."""
        with self._changed:
            found = lambda: [a for a in self.all(event) if where(a)]  # noqa: E731
            came = self._changed.wait_for(lambda: len(found()) >= count or self.failed() is not None, PATIENCE)
            came = came and len(found()) >= count
            if not came and self.failed() is not None:
                raise self.failed()
            assert came, f"{len(found())} of {count} {event}; recorded {[name for name, _ in self.events]}"
            return found()[:count]

    @hookimpl
    def training_started(self, run, folder, resumed):
        self.note("training_started", run=run, folder=folder, resumed=resumed)

    @hookimpl
    def client_joined(self, client):
        self.note("client_joined", client=client)

    @hookimpl
    def samples_received(self, client, admitted, rejected):
        self.note("samples_received", client=client, admitted=admitted, rejected=rejected)

    @hookimpl
    def episode_finished(self, episode):
        self.note("episode_finished", episode=episode)

    @hookimpl
    def model_updated(self, iteration, env_steps, seconds, metrics):
        self.note("model_updated", iteration=iteration, env_steps=env_steps, seconds=seconds, metrics=metrics)

    @hookimpl
    def weights_published(self, iteration, size, seconds):
        self.note("weights_published", iteration=iteration, size=size, seconds=seconds)

    @hookimpl
    def checkpoint_saved(self, path, iteration, kind):
        self.note("checkpoint_saved", path=path, iteration=iteration, kind=kind)

    @hookimpl
    def setting_changed(self, change):
        self.note("setting_changed", change=change)

    @hookimpl
    def client_lost(self, client):
        self.note("client_lost", client=client)

    @hookimpl
    def training_stopped(self, reason):
        self.note("training_stopped", reason=reason)


class EmittedEvents:
    """Takes the place of Observers: a list of the events and their arguments."""

    def __init__(self):
        self.emitted = []

    def emit(self, event, **arguments):
        self.emitted.append((event, arguments))


class ObservedNode(TrainingNode):
    """A training node that keeps the messages that it has done with: it says what it makes of one a moment earlier."""

    def __init__(self, **options):
        super().__init__(**options)
        self.done = []
        self.changed = threading.Condition()

    def _process(self, entry, message):
        super()._process(entry, message)
        with self.changed:
            self.done.append(entry.payload)
            self.changed.notify_all()


class Harness:
    """A node with its folder and server, and methods for what clients and commands do."""

    def __init__(self, folder, server, clock, learner, sync, settings, threads, plugin=None, config=None):
        self.folder, self.server, self.clock, self.learner, self.sync = folder, server, clock, learner, sync
        self.outside, self.transport = MemoryTransport(server), FlakyTransport(MemoryTransport(server))
        self.recorder = Recorder()
        self.recorder.failed = lambda: self.error
        observers = Observers()
        observers.register("recorder", self.recorder)
        self.metrics = NodeMetrics()
        parts = ({"name": "toy", "config": {}}, {"name": "counting", "config": {}}, {})
        self.announcement = Announcement(1, "0.1.0", folder.name, *parts, SPEC, COLUMNS)
        self.node = ObservedNode(
            learner=learner,
            sync=sync,
            transport=self.transport,
            folder=folder,
            announcement=self.announcement,
            config=config or {"algorithm": {"name": "counting"}},
            plugin=plugin,
            settings=settings,
            observers=observers,
            metrics=self.metrics,
            clock=clock,
            rng=random.Random(0),
            threads=threads,
        )
        self.numbers, self.positions = {}, {}
        self.reason = self.error = None
        self._thread = threading.Thread(target=self._run, name="node", daemon=True)

    def _run(self):
        try:
            self.reason = self.node.run()
        except BaseException as error:
            self.error = error

    def start(self):
        self._thread.start()
        self.recorder.wait("weights_published")
        return self

    def join(self):
        """Wait for the node's end; returns its reason, or raises what it raised."""
        if self._thread.ident is None:
            return None
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the node did not end"
        if self.error is not None:
            raise self.error
        return self.reason

    def stop(self):
        self.node.shutdown("the test is over")
        return self.join()

    # -- what a client does

    def message(self, iterations, client="pc", *, number=None, run_id=None, order=None, **options):
        """A client's next message, with these iterations; the rows' first values are its number."""
        self.numbers[client] = number or self.numbers.get(client, 0) + 1
        position = self.positions.get(client, 0)
        self.positions[client] = position + len(iterations)
        steps = made_steps(iterations, self.numbers[client] % 10, position=position, **options)
        return encode_steps(run_id or self.folder.name, client, self.numbers[client], steps, **(order or {}))

    def send(self, iterations, client="pc", **options):
        """Push a message, and return it."""
        data = self.message(iterations, client, **options)
        self.outside.push_samples([data])
        return data

    def take_in(self, iterations, client="pc", **options):
        """`send`, and wait until the node has done with it; returns (admitted, rejected)."""
        before = len(self.recorder.all("samples_received"))
        self.wait_done(self.send(iterations, client, **options))
        received = self.recorder.wait("samples_received", before + 1)[-1]
        return received["admitted"], received["rejected"]

    def wait_done(self, message):
        """Wait until the node has done with a message."""
        with self.node.changed:
            came = self.node.changed.wait_for(lambda: message in self.node.done or self.error is not None, PATIENCE)
        if self.error is not None:
            raise self.error
        assert came, f"{len(self.node.done)} other messages came"

    def make_iterations(self, count):
        """Send what the learner needs for `count` updates, one after another."""
        for _ in range(count):
            before = self.node.iteration
            self.send([before] * self.sync.rows_per_iteration)
            self.recorder.wait("model_updated", where=lambda a, before=before: a["iteration"] == before + 1)

    def report(self, number, reward=1.0, client="pc", **options):
        episode = Episode(f"{client}-{number}", client, reward, 5, 0, 1.0, run_id=self.folder.name, **options)
        self.outside.push_episodes([msgspec.json.encode(episode)])
        return episode

    def heartbeat(self, client="pc", **numbers):
        self.outside.heartbeat(client, msgspec.json.encode(ClientInfo(client, "host", **numbers)))

    # -- what the command line does

    def command(self, name, **options):
        payload = self.outside.command("c1", msgspec.json.encode(Command("c1", name, options)), PATIENCE)
        return msgspec.json.decode(payload, type=Reply)

    def progress(self):
        return msgspec.msgpack.decode(self.outside.read_progress(), type=Progress)

    def wait_progress(self, wanted):
        """The first progress for which `wanted(progress)` is true."""
        listener = MemoryTransport(self.server)
        listener.wait_progress(0.0)  # from now on none is missed
        while not wanted(self.progress()):
            assert listener.wait_progress(PATIENCE) is not None, f"last was {self.progress()}"
        return self.progress()

    def wait_message(self, count):
        """Wait until more than `count` messages were published."""
        with self.server.changed:
            assert self.server.changed.wait_for(lambda: self.server.message_count > count, PATIENCE)

    def wait_progress_after_loss(self):
        """Wait until the server has a progress again."""
        with self.server.changed:
            assert self.server.changed.wait_for(lambda: self.server.progress is not None, PATIENCE)

    def status(self):
        """The newest status, once there is one."""
        _, status = wait_for("a status", self.outside.read_status)
        return msgspec.json.decode(status, type=NodeStatus)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """The node's threads wait for shorter times, so that it ends sooner."""
    monkeypatch.setattr("soulsai_core.node.monitor._INTERVAL", 0.02)
    monkeypatch.setattr("soulsai_core.node.receiver._BLOCK", 0.02)
    monkeypatch.setattr("soulsai_core.node.training._IDLE", 0.01)
    monkeypatch.setattr("soulsai_core.node.training._FIRST_READ", 0.2)
    monkeypatch.setattr("soulsai_core.node.settling.TURNS", 3)


@pytest.fixture
def server(clock):
    return MemoryServer(clock)


@pytest.fixture
def learner():
    return CountingLearner()


@pytest.fixture
def new_learner():
    return CountingLearner


@pytest.fixture
def steps():
    """A function that makes steps."""
    return made_steps


@pytest.fixture
def flaky():
    return FlakyTransport


@pytest.fixture
def events():
    return EmittedEvents()


@pytest.fixture
def make_harness(tmp_path, server, clock):
    """(learner, sync, folder of an earlier node, goals by name, threads, settings by name) -> a harness."""
    made = []

    def make(learner=None, *, sync=SYNC, folder=None, stop=None, threads=(), plugin=None, config=None, **settings):
        folder = folder or RunFolder(tmp_path / f"training-{len(made)}")
        folder.path.mkdir(exist_ok=True)
        settings = TrainingSettings(stop=StopSettings(**(stop or {})), **settings)
        made.append(
            Harness(folder, server, clock, learner or CountingLearner(), sync, settings, threads, plugin, config)
        )
        return made[-1]

    yield make
    for harness in made:
        harness.node.shutdown("the test is over")
        harness._thread.ident is None or harness._thread.join(PATIENCE)


@pytest.fixture
def harness(make_harness):
    """A harness whose node runs."""
    return make_harness().start()
