"""A real server for the tests of this folder, and connections to it that are closed again."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from soulsai_core.transport import StreamLimits
from soulsai_core.transport.embedded import EmbeddedServer
from soulsai_core.transport.redis import RedisTransport, connect


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as server:
        yield server


@pytest.fixture(scope="session")
def run_names() -> Iterator[str]:
    """Names of runs that nobody else uses."""
    return (f"run-{number}" for number in itertools.count())


@pytest.fixture
def connected(server: EmbeddedServer) -> Iterator[Callable[..., RedisTransport]]:
    """(run, limits) -> a transport to the server."""
    transports: list[RedisTransport] = []

    def open_one(run: str, limits: StreamLimits | None = None) -> RedisTransport:
        transports.append(connect(server.address, run, limits=limits))
        return transports[-1]

    yield open_one
    for transport in transports:
        transport.close()
