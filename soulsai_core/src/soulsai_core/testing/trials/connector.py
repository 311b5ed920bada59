"""Tries a connector: every event of a short run, and its end."""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soulsai_core.contracts import ConnectorContext, ConnectorPlugin
from soulsai_core.hooks.observers import Observers
from soulsai_core.plugins.findings import OK, WARNING, Finding
from soulsai_core.testing.events import example_events

_SLOW_S = 0.1


def try_connector(plugin: ConnectorPlugin, config: Any) -> Iterator[Finding]:
    """Try a connector in an empty folder. The hooks of the telemetry node are its own distribution's to try."""
    with tempfile.TemporaryDirectory(prefix="soulsai-doctor-") as name:
        folder = Path(name)
        made: Any = plugin.make(config, ConnectorContext("doctor", folder, {"algorithm": {"name": "example"}}))
        hooks = [event for event, _ in example_events(folder) if hasattr(made, event)]
        if plugin.home == "telemetry":
            yield Finding(
                "hooks",
                OK,
                f"It is made, and lives in the telemetry node. soulsai_telemetry.testing tries its hooks; of "
                f"those of the core it has: {', '.join(dict.fromkeys(hooks)) or 'none'}.",
            )
        else:
            _expect_fitting(plugin, made)
            yield Finding("hooks", OK, f"It has: {', '.join(dict.fromkeys(hooks))}.")
        yield from _send(made, folder)
        close = getattr(made, "close", None)
        if callable(close):
            close()
            close()
            yield Finding("end", OK, "It can be closed, also twice.")
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        yield Finding("files", OK, f"It wrote: {', '.join(files) or 'nothing'} into the run's folder.")


def _expect_fitting(plugin: ConnectorPlugin, made: object) -> None:
    """Raise PluginError for hooks that do not exist."""
    Observers().check(plugin.name, made)


def _send(made: Any, folder: Path) -> Iterator[Finding]:
    slowest = ("", 0.0)
    for event, arguments in example_events(folder):
        hook = getattr(made, event, None)
        if hook is None:
            continue
        wanted = inspect.signature(hook).parameters
        began = time.perf_counter()
        hook(*(arguments[name] for name in wanted if name in arguments))
        slowest = max(slowest, (event, time.perf_counter() - began), key=lambda taken: taken[1])
    if slowest[1] > _SLOW_S:
        yield Finding(
            "speed",
            WARNING,
            f"{slowest[0]} took {slowest[1]:.2f} s: events that come faster wait in a queue, and are "
            "dropped once 10,000 do.",
        )
    else:
        yield Finding("speed", OK, f"Its slowest event took {slowest[1] * 1e3:.1f} ms.")
