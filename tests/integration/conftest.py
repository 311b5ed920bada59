"""Real processes in a folder of their own, none of which survives its test or its module."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Stack, add_entry_point
from servers import Server

from soulsai_core.transport.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def linear_q(tmp_path_factory):
    """A folder to import from, in which the core's example algorithm is installed as a plugin."""
    site = tmp_path_factory.mktemp("site")
    add_entry_point(site, "linear-q", "linear_q", "soulsai_core.plugins.examples.linear_q:plugin")
    return site


@pytest.fixture
def bare_stack(tmp_path):
    """Commands in an empty folder, with the plugins that are installed."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    stack = Stack(folder, tmp_path)
    yield stack
    stack.close()


@pytest.fixture
def stack(bare_stack, linear_q):
    """Commands in an empty folder, with the core's example algorithm among the plugins."""
    bare_stack.add_to_path(linear_q)
    return bare_stack


@pytest.fixture(scope="module")
def module_stack(tmp_path_factory, linear_q):
    """The same for all tests of a module."""
    folder = tmp_path_factory.mktemp("work")
    stack = Stack(folder, tmp_path_factory.mktemp("logs"))
    stack.add_to_path(linear_q)
    yield stack
    stack.close()


@pytest.fixture
def server():
    """A server of the test's own."""
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def make_server(tmp_path):
    """(password) -> a running Server."""
    servers = []

    def make(password=None):
        servers.append(Server(password, tmp_path).start())
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def repository():
    """The root of the sources."""
    return Path(__file__).parents[2]
