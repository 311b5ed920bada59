"""A server that is hosted for contributors, and contributors that send what they like."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from waiting import free_port

from soulsai_core.config import read_secret
from soulsai_core.contributors.initialize import initialize
from soulsai_core.contributors.redis_inbox import inboxes_of
from soulsai_core.contributors.statistics import Contribution, decode_statistics
from soulsai_core.contributors.transport import connect_contributor
from soulsai_core.contributors.users import Users
from soulsai_core.messages import Announcement, Episode
from soulsai_core.steps import StepBatch
from soulsai_core.transport.embedded import EmbeddedServer, Endpoint
from soulsai_core.transport.redis import RedisTransport, connect
from soulsai_core.wire import encode_steps


class Host:
    """A server with the users of `soulsai init`, and what its host can do there.

    Attributes:
        transport: a connection as the user of the training node; none over TLS.
    """

    transport: RedisTransport
    users: Users

    def __init__(self, folder: Path, *, tls: bool) -> None:
        self.config = folder / "config"
        self.port = free_port()
        self.tls = tls
        for _ in initialize(self.config, [], datetime.now(UTC)):
            pass  # it writes while it is iterated
        pair = (self.config / "tls" / "redis.crt", self.config / "tls" / "redis.key")
        endpoint = Endpoint(self.port, tls=pair if tls else None, users=self.config / "acl" / "users.acl")
        self.server = EmbeddedServer(endpoint=endpoint)
        self.address = f"{'rediss' if tls else 'redis'}://127.0.0.1:{self.port}"
        self.passwords = {name: self._password(name) for name in ("redis", "telemetry")}

    def _password(self, name: str) -> str:
        password = read_secret(self.config / f"{name}.secret", {})
        assert password is not None
        return password

    def start(self) -> Host:
        """Start the server."""
        self.server.start()
        if not self.tls:
            self.transport = self.connect("server", self.passwords["redis"])
            self.users = Users(self.transport)
        return self

    def stop(self) -> None:
        """Stop the server."""
        if not self.tls:
            self.transport.close()
        self.server.stop()

    def connect(self, user: str, password: str) -> RedisTransport:
        """A connection of any user, without TLS."""
        transport = connect(f"redis://{user}@127.0.0.1:{self.port}", "main", password=password)
        transport.check()
        return transport

    def variables(self) -> dict[str, str]:
        """What a training node and the host's commands need to know."""
        return {
            "SOULSAI_REDIS__ADDRESS": self.address.replace("://", "://server@"),
            "SOULSAI_REDIS__SECRET_FILE": str(self.config / "redis.secret"),
            "SOULSAI_REDIS__CA_FILE": str(self.config / "tls" / "ca.crt"),
        }

    def invite(self, name: str) -> RawContributor:
        """Invite a contributor, who connects at once."""
        return RawContributor(self.address, name, self.users.invite(name))

    def contribution(self, name: str) -> Contribution:
        """What the node's statistics say about a contributor now."""
        payload = inboxes_of(self.transport).read_statistics()
        return decode_statistics(payload).get(name, Contribution()) if payload else Contribution()


class RawContributor:
    """Sends any command and any message with its own credential. Its messages fit the training unless changed."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.address = address
        self.name = name
        self.password = password
        self.client = f"{name}@pc-1"
        self.transport = connect_contributor(address, "main", name, password)
        self._number = 0

    @property
    def inbox(self) -> str:
        """The Redis key of its own inbox."""
        return f"soulsai:main:from:{self.name}"

    def connect_again(self) -> RawContributor:
        """The same contributor with a further connection."""
        return RawContributor(self.address, self.name, self.password)

    def do(self, *words: Any) -> Any:
        """Run any Redis command."""
        return self.transport._client.execute_command(*words)

    def read_announcement(self) -> RawContributor:
        """Read what a client reads before it starts, which messages need."""
        payload = self.transport.read_config()
        assert payload is not None
        announced = msgspec.json.decode(payload, type=Announcement)
        self._columns = announced.columns
        self._observations = tuple(announced.spec.observations)
        self._run_id = announced.run_id
        return self

    def message(
        self,
        *,
        client: str | None = None,
        run_id: str | None = None,
        rows: int = 4,
        iteration: int = 0,
        **changed: np.ndarray,
    ) -> bytes:
        """The next message of steps, with zeros in all columns that are not changed."""
        self._number += 1
        columns = {name: np.zeros((rows, *spec.shape), spec.dtype) for name, spec in self._columns.items()}
        after = {name: columns[name][:1] for name in self._observations}
        steps = StepBatch(np.array([[0, 0, rows, iteration, 0, 1, 0]]), {**columns, **changed}, after)
        return encode_steps(run_id or self._run_id, client or self.client, self._number, steps)

    def episode(self, **changes: Any) -> bytes:
        """The report of an episode."""
        values: dict[str, Any] = {
            "id": f"{self.client}-1",
            "client": self.client,
            "total_reward": 1.0,
            "length": 3,
            "iteration": 0,
        }
        return msgspec.json.encode(Episode(**(values | {"seconds": 1.0, "run_id": self._run_id, **changes})))
