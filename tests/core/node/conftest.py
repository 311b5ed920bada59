"""A training node around a learner made for tests, in a thread, with a transport in memory to reach it from outside."""

import random
import threading

import msgspec
import numpy as np
import pytest

from soulsai_core.config import StopSettings, TrainingSettings
from soulsai_core.contracts import Learner, Sync
from soulsai_core.errors import CheckpointError, TransportError
from soulsai_core.hooks import Observers
from soulsai_core.hookspecs import hookimpl
from soulsai_core.messages import (
    Announcement,
    ArraySpec,
    ClientInfo,
    Command,
    Discrete,
    EnvSpec,
    Episode,
    NodeStatus,
    Progress,
    Reply,
    SampleBatch,
    State,
)
from soulsai_core.metrics import NodeMetrics
from soulsai_core.run_folder import RunFolder
from soulsai_core.training import TrainingNode
from soulsai_core.transport.memory import MemoryServer, MemoryTransport
from soulsai_core.wire import encode_samples

PATIENCE = 20
SPEC = EnvSpec("Toy-v0", {"observation": ArraySpec((2,), "float32")}, Discrete(2))


class CountingLearner(Learner):
    """Its model is the number of its updates; it keeps all rows, and notes what the node calls."""

    columns = {"x": ArraySpec((2,), "float32", -10, 10), "done": ArraySpec((), "bool")}

    def __init__(self, sync=None):
        self.sync = sync or Sync(max_staleness=3, rows_per_iteration=4)
        self.rows, self.fresh, self.updates = [], 0, 0
        self.calls = []
        self.report = {"loss": np.float32(0.5)}
        self.before_update = lambda: None
        self.diverges_at = None

    def add(self, batch, client):
        self.calls.append("add")
        self.rows += [(client, int(i), float(x[0])) for i, x in zip(batch.iteration, batch.columns["x"], strict=True)]
        self.fresh += len(batch)

    def ready(self):
        return self.fresh >= self.sync.rows_per_iteration

    def update(self):
        self.calls.append("update")
        self.before_update()
        self.fresh -= self.sync.rows_per_iteration
        self.updates += 1
        return self.report

    def weights(self):
        return {"w": np.full(2, np.nan if self.updates == self.diverges_at else self.updates, np.float32)}

    def save(self, *, buffer):
        parts = {"network": self.weights()}
        if buffer:
            parts["replay"] = {"x": np.array([row[2] for row in self.rows])}
        return State(parts, {"updates": self.updates, "fresh": self.fresh})

    def load(self, state):
        if "network" not in state.arrays:
            raise CheckpointError("this is not a checkpoint of the counting learner")
        self.updates, self.fresh = state.values["updates"], state.values["fresh"]
        self.rows = [("resumed", 0, float(x)) for x in state.arrays.get("replay", {}).get("x", ())]

    def started(self, *, resumed):
        self.calls.append(("started", resumed))

    def updated(self, iteration):
        self.calls.append(("updated", iteration))

    def clients_changed(self, clients):
        self.calls.append(("clients", clients))

    def stopped(self):
        self.calls.append("stopped")


class Recorder:
    """Hears every hook, with all of its documented arguments."""

    def __init__(self):
        self.events = []
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
            came = self._changed.wait_for(lambda: len(found()) >= count, PATIENCE)
            assert came, f"{len(found())} of {count} {event}; heard {[name for name, _ in self.events]}"
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
    def client_lost(self, client):
        self.note("client_lost", client=client)

    @hookimpl
    def training_stopped(self, reason):
        self.note("training_stopped", reason=reason)


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


class Stage:
    """A node, its folder and server, and everything that reaches it from outside."""

    def __init__(self, folder, server, clock, learner, settings):
        self.folder, self.server, self.clock, self.learner = folder, server, clock, learner
        self.outside, self.transport = MemoryTransport(server), Flaky(MemoryTransport(server))
        self.recorder = Recorder()
        observers = Observers()
        observers.register("recorder", self.recorder)
        self.metrics = NodeMetrics()
        self.announcement = Announcement(
            1, "0.1.0", folder.name, {"name": "toy", "config": {}}, {"name": "counting", "config": {}}, {}, SPEC
        )
        self.node = TrainingNode(
            learner=learner,
            transport=self.transport,
            folder=folder,
            announcement=self.announcement,
            config={"algorithm": {"name": "counting"}},
            settings=settings,
            observers=observers,
            metrics=self.metrics,
            clock=clock,
            rng=random.Random(0),
        )
        self.numbers = {}
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

    def message(self, iterations, client="pc", *, number=None, session=None, **changed):
        """A client's next message, with these iterations; the rows' first values are its number."""
        self.numbers[client] = number or self.numbers.get(client, 0) + 1
        rows = len(iterations)
        columns = {"x": np.full((rows, 2), self.numbers[client] % 10, np.float32), "done": np.zeros(rows, np.bool_)}
        batch = SampleBatch(np.array(iterations, np.int64), {**columns, **changed})
        return encode_samples(session or self.folder.name, client, self.numbers[client], batch)

    def send(self, iterations, client="pc", **options):
        """Push a message, and return it."""
        data = self.message(iterations, client, **options)
        self.outside.push_samples([data])
        return data

    def take_in(self, iterations, client="pc", **options):
        """`send`, and wait until the node has judged it; returns (admitted, rejected)."""
        before = len(self.recorder.all("samples_received"))
        self.send(iterations, client, **options)
        heard = self.recorder.wait("samples_received", before + 1)[-1]
        return heard["admitted"], heard["rejected"]

    def make_iterations(self, count):
        """Send what the learner needs for so many updates, one after another."""
        for _ in range(count):
            before = self.node.iteration
            self.send([before] * self.learner.sync.rows_per_iteration)
            self.recorder.wait("model_updated", where=lambda a, before=before: a["iteration"] == before + 1)

    def report(self, number, reward=1.0, client="pc", **options):
        episode = Episode(f"{client}-{number}", client, reward, 5, 0, 1.0, session=self.folder.name, **options)
        self.outside.push_episode(msgspec.json.encode(episode))
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
        """The first progress that is as wanted."""
        listener = MemoryTransport(self.server)
        while not wanted(self.progress()):
            assert listener.wait_progress(PATIENCE) is not None, f"last was {self.progress()}"
        return self.progress()

    def wait_message(self, count):
        """Wait until more than so many messages were published."""
        with self.server.changed:
            assert self.server.changed.wait_for(lambda: self.server.message_count > count, PATIENCE)

    def wait_progress_after_loss(self):
        """Wait until the server has a progress again."""
        with self.server.changed:
            assert self.server.changed.wait_for(lambda: self.server.progress is not None, PATIENCE)

    def status(self):
        return msgspec.json.decode(self.outside.read_status(), type=NodeStatus)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """The node's threads look more often, so that it ends sooner."""
    monkeypatch.setattr("soulsai_core.housekeeper._INTERVAL", 0.02)
    monkeypatch.setattr("soulsai_core.receiver._BLOCK", 0.02)
    monkeypatch.setattr("soulsai_core.training._IDLE", 0.01)


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
def flaky():
    return Flaky


@pytest.fixture
def staged(tmp_path, server, clock):
    """A function that makes a stage: (learner, folder of an earlier one, settings by name, goals by name)."""
    stages = []

    def make(learner=None, *, folder=None, stop=None, **settings):
        folder = folder or RunFolder(tmp_path / f"training-{len(stages)}")
        folder.path.mkdir(exist_ok=True)
        settings = TrainingSettings(stop=StopSettings(**(stop or {})), **settings)
        stages.append(Stage(folder, server, clock, learner or CountingLearner(), settings))
        return stages[-1]

    yield make
    for stage in stages:
        stage.node.shutdown("the test is over")
        stage._thread.ident is None or stage._thread.join(PATIENCE)


@pytest.fixture
def stage(staged):
    """A node that runs."""
    return staged().start()
