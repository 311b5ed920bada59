"""Real processes in a folder of their own, none of which survives its test or its module."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import Stack
from servers import Server

from soulsai_core.cli import main
from soulsai_core.transport.embedded import EmbeddedServer


@pytest.fixture(scope="module")
def module_stack(tmp_path_factory, linear_q):
    """The same for all tests of a module."""
    folder = tmp_path_factory.mktemp("work")
    stack = Stack(folder, tmp_path_factory.mktemp("logs"))
    stack.add_to_path(linear_q)
    yield stack
    stack.close()


@pytest.fixture
def run_here(tmp_path, monkeypatch, capfd):
    """(*arguments, settings=(), code=0) -> what a command prints that runs in this process, and in the same folder as
    those of `stack`. This takes a hundredth of the time of a process of its own, which imports everything anew."""
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    for name in [name for name in os.environ if name.startswith("SOULSAI_")]:
        monkeypatch.delenv(name)
    # It would replace the log handlers of this process for good.
    for module in ("training.hosting", "training.serial", "client.client_process"):
        monkeypatch.setattr(f"soulsai_core.cli.{module}.start_logging", lambda console, **_: None)

    def run(*arguments, settings=(), code=0):
        capfd.readouterr()
        ended_with = main([*arguments, *(part for setting in settings for part in ("--set", setting))])
        output = "".join(capfd.readouterr())
        assert ended_with == code, output
        return output

    return run


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
