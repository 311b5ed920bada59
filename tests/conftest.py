"""What tests of all distributions share: programs that pip does not install, and free ports."""

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
