"""What tests of all distributions share: programs that pip does not install, free ports, and real processes."""

import gc
import logging
import os
import shutil

import pytest
import waiting

NAMES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "redis-server": ("redis-server", "valkey-server"),
}
"""Other names under which a program does as well."""
PACKAGES = {"nginx": "nginx libnginx-mod-stream", "promtool": "prometheus"}
"""Debian's packages where they are not called like the program."""


def pytest_addoption(parser):
    """`pytest tests/core/node/saving/test_node_killed.py --lives 300` kills the node 300 times instead of a few."""
    parser.addoption("--lives", type=int, default=48, help="how often the node is killed in the test of that")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect no garbage until all tests are collected, and leave out later what exists by then: visiting every node of
    every file's syntax tree again and again takes a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Take away what a command that ran in the test added to the root logger: it would write for later tests, to an
    output that was closed with this one."""
    root = logging.getLogger()
    before = root.handlers[:]
    try:
        return (yield)
    finally:
        root.handlers[:] = before


@pytest.fixture(scope="session")
def needs():
    """`needs("nginx")` is the path of a program. Where it is missing the test is skipped with what to install.

    On a build server (the variable CI is set) the test fails instead, so that it is never left out unseen.
    """

    def find(name):
        folders = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
        found = next((path for known in NAMES.get(name, (name,)) if (path := shutil.which(known, path=folders))), None)
        if found is None:
            missing = f"{name} is not installed; on Debian: apt-get install {PACKAGES.get(name, name)}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
        return found

    return find


@pytest.fixture
def free_port():
    """A TCP port that nothing listens at."""
    return waiting.free_port()


@pytest.fixture(scope="session")
def linear_q(tmp_path_factory):
    """A folder to import from, in which the core's example algorithm is installed as a plugin."""
    from commands import add_entry_point  # not at the top: most tests start no processes

    site = tmp_path_factory.mktemp("site")
    add_entry_point(site, "linear-q", "linear_q", "soulsai_core.plugins.examples.linear_q:plugin")
    return site


@pytest.fixture
def bare_stack(tmp_path):
    """Commands in an empty folder, with the plugins that are installed."""
    from commands import Stack

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
