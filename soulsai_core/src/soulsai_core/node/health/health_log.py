"""Logs when the training gets stuck, what was found, and when it goes on."""

from __future__ import annotations

import logging

from soulsai_core.node.health.judging import Health

log = logging.getLogger(__name__)

_SETTLED = 15.0
"""Seconds for which a state or a condition must last until it is logged: clients take as long to start."""

_AGAIN = 3600.0
"""Seconds until a condition is logged again that has come back."""


class HealthLog:
    """Takes the judgments one after another. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._first_seen: dict[str, float] = {}
        self._logged: dict[str, float] = {}
        self._stuck = False

    def note(self, health: Health, now: float) -> None:
        """Take the judgment made at `now`."""
        names = {condition.name for condition in health.conditions}
        self._first_seen = {name: self._first_seen.get(name, now) for name in names}
        for condition in health.conditions:
            lasting = now - self._first_seen[condition.name] >= _SETTLED
            before = self._logged.get(condition.name)
            if lasting and (before is None or now - before >= _AGAIN):
                level = logging.INFO if condition.level == "note" else logging.WARNING
                log.log(level, "%s %s", condition.sentence, condition.advice)
                self._logged[condition.name] = now
                self._stuck = self._stuck or condition.level == "error"
        if self._stuck and health.state == "learning":
            log.info("The training goes on.")
            self._stuck = False
