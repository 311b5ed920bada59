"""The checks in their order, each of which may fail or hang without harm to the others."""

from __future__ import annotations

import importlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from soulsai_core.cli.doctor import machine
from soulsai_core.cli.doctor.chosen import Chosen
from soulsai_core.plugins.findings import PROBLEM, Finding, findings_of

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        topic: what it looks at, for a finding about its own failure.
        look: its findings.
        seconds: after which it is left behind.
    """

    topic: str
    look: Callable[[], Iterator[Finding]]
    seconds: float = 20.0


def of_machine(chosen: Chosen) -> list[Check]:
    """All that a run with these settings needs."""
    return [
        Check("python", machine.check_python),
        Check("packages", machine.check_packages),
        Check("machine", machine.check_machine),
        *of_settings(chosen),
        Check("plugins", _later("settings", "check_plugins", chosen), 60.0),
        Check("redis", _later("server", "check_server", chosen), 45.0),
        Check("disk", lambda: machine.check_disk(chosen.saves)),
        Check("gpu", lambda: machine.check_gpu(chosen.devices()), 60.0),
        Check("episode", _later("settings", "check_episode", chosen), 30.0),
    ]


def of_settings(chosen: Chosen) -> list[Check]:
    """What `soulsai config check` looks at: whether a run could start with these settings."""
    return [
        Check("settings", _later("settings", "check_settings", chosen)),
        Check("environment", _later("settings", "check_environment", chosen), 60.0),
        Check("algorithm", _later("settings", "check_algorithm", chosen), 60.0),
        Check("ports", _later("settings", "check_ports", chosen)),
    ]


def of_plugin(chosen: Chosen) -> list[Check]:
    """The trial of one plugin, of each kind that has this name."""
    return [Check("plugin", _later("plugin", "try_plugin", chosen), 28.0)]


def _later(module: str, name: str, chosen: Chosen) -> Callable[[], Iterator[Finding]]:
    """A check of another module, which is imported when it is made: what it needs may be broken."""

    def look() -> Iterator[Finding]:
        check: Callable[[Chosen], Iterator[Finding]]
        check = getattr(importlib.import_module(f"soulsai_core.cli.doctor.{module}"), name)
        yield from check(chosen)

    return look


def findings(checks: Sequence[Check], slow_call: Callable[[], str]) -> Iterator[Finding]:
    """What the checks find, as soon as they do. What they log is left out: they say it themselves.

    Args:
        slow_call: a sentence on the call of a plugin that takes long now, "" if none does.
    """
    logging.disable(logging.CRITICAL)
    try:
        said: set[str] = set()
        for check in checks:
            for finding in _findings_in_time(check, slow_call):
                # A package that is broken breaks many checks, and is said once.
                if finding.level != PROBLEM or finding.sentence not in said:
                    yield finding
                said.add(finding.sentence)
    finally:
        logging.disable(logging.NOTSET)


def _findings_in_time(check: Check, slow_call: Callable[[], str]) -> Iterator[Finding]:
    """The findings of one check, which is left behind when its time is over: a call that hangs cannot be ended."""
    found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            for finding in findings_of(check.topic, check.look()):
                found.put(finding)
        except BaseException as error:  # SystemExit from the import of a plugin, for example
            found.put(Finding(check.topic, PROBLEM, f"It cannot be checked: {type(error).__name__}: {error}."))
        found.put(None)

    threading.Thread(target=work, name=f"check-{check.topic}", daemon=True).start()
    deadline = time.monotonic() + check.seconds
    slow = ""
    while time.monotonic() < deadline:
        try:
            finding = found.get(timeout=_LOOK_S)
        except queue.Empty:
            slow = slow_call() or slow
            continue
        if finding is None:
            return
        yield finding
    yield Finding(check.topic, PROBLEM, slow or f"It has not ended after {check.seconds:g} s; the other checks go on.")
