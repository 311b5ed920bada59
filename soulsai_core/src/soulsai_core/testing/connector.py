"""The contract of a connector plugin, as tests that its author runs.

from soulsai_core.testing.connector import ConnectorContract

class TestMyConnector(ConnectorContract):
    @pytest.fixture
    def plugin(self):
        return my_package.plugin

    @pytest.fixture
    def config(self):
        return my_package.Config(port=0)
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pluggy
import pytest

from soulsai_core.contracts import ConnectorContext, ConnectorPlugin
from soulsai_core.hooks.hookspecs import PROJECT, HookSpecs
from soulsai_core.testing.essentials import EssentialContract
from soulsai_core.testing.events import example_episode
from soulsai_core.testing.events import example_events as example_events
from soulsai_core.testing.plugin import PluginContract


class ConnectorContract(PluginContract, EssentialContract):
    """Needs the fixtures `plugin` and `config`."""

    kind = "connector"

    specs: type = HookSpecs
    """The hooks of the node that runs the connector."""

    def events(self, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """The calls that the connector receives: every hook, in an order that can occur."""
        return example_events(folder)

    @pytest.fixture
    def connector(self, plugin: ConnectorPlugin, config: Any, tmp_path: Path) -> Iterator[object]:
        """The object that the plugin makes, closed at the end if it has `close`."""
        made = plugin.make(config, ConnectorContext("run-1", tmp_path, {"algorithm": {"name": "example"}}))
        yield made
        _close(made)

    def test_connector_is_an_object_with_hooks(self, connector: object) -> None:
        """It is an instance, not a class, and has at least one hook, and no hook that does not exist."""
        assert not isinstance(connector, type), f"{connector} is a class; make() must return an instance of it"
        assert _registered(connector, self.specs).get_hookcallers(connector), (
            "no method is marked with @soulsai_core.hookimpl"
        )

    def test_every_event_is_accepted_from_another_thread(self, connector: object, tmp_path: Path) -> None:
        """Events come from another thread than the one that made the connector."""
        with ThreadPoolExecutor(1) as thread:
            thread.submit(self._send_events, connector, tmp_path).result()

    def test_events_after_a_resume_are_accepted(self, connector: object, tmp_path: Path) -> None:
        """The training starts again in the same folder, and episodes may be reported again."""
        self._send_events(connector, tmp_path)
        _registered(connector, self.specs).hook.training_started(run="run-1", folder=tmp_path, resumed=True)
        _registered(connector, self.specs).hook.episode_finished(episode=example_episode(3))

    def test_closing_twice_is_harmless(self, connector: object, tmp_path: Path) -> None:
        """After all events."""
        self._send_events(connector, tmp_path)
        _close(connector)
        _close(connector)

    def test_closing_without_any_event_is_harmless(self, connector: object) -> None:
        """A training may fail at its start."""
        _close(connector)

    def _send_events(self, connector: object, folder: Path) -> None:
        hook = _registered(connector, self.specs).hook
        for event, arguments in self.events(folder):
            getattr(hook, event)(**arguments)


def _registered(connector: object, specs: type) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(specs)
    manager.register(connector)
    # Raises for a hook whose name is in no menu, such as a misspelled one.
    manager.check_pending()
    return manager


def _close(connector: object) -> None:
    close = getattr(connector, "close", None)
    if close is not None:
        close()
