"""Connectors as the telemetry node makes them."""

import pytest


@pytest.fixture
def make(context):
    """Makes a plugin's connector, and closes it at the end."""
    made = []

    def make(plugin, **settings):
        made.append(plugin.make(plugin.config(**settings), context))
        return made[-1]

    yield make
    for connector in made:
        if hasattr(connector, "close"):
            connector.close()


class BlockedImports:
    """Stands for a machine where these packages are not installed."""

    def __init__(self, *names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.names:
            raise ImportError(f"No module named {name!r}")


@pytest.fixture
def without(monkeypatch):
    """Makes a package look as if it were not installed."""
    import sys

    def without(name):
        for loaded in [module for module in sys.modules if module.split(".")[0] == name]:
            monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setattr(sys, "meta_path", [BlockedImports(name), *sys.meta_path])

    return without
