"""The last status in the folder of a run, and the judgment of it: all that is left of a node that has ended."""

from __future__ import annotations

import logging

import msgspec

from soulsai_core.messages import UNREADABLE
from soulsai_core.node.health.judging import Health, judge
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.run_folder import RunFolder

log = logging.getLogger(__name__)

_KEPT_EVERY = 15.0
"""Seconds after which the status in the folder of a node that runs is older than it should be."""


def last_status(folder: RunFolder, now: float) -> tuple[NodeStatus, Health] | None:
    """The status in the folder and the judgment of it at `now`, in seconds since 1970. None if there is none, or if it
    cannot be read."""
    try:
        status = msgspec.json.decode(folder.status.read_bytes(), type=NodeStatus)
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE) as error:
        log.warning("%s cannot be read and is left out: %s", folder.status, error)
        return None
    # The folder may have been moved, also to another machine.
    status = msgspec.structs.replace(status, folder=str(folder.path))
    held = folder.is_held
    # It is written every few seconds only: as old as that, it is that of a node that is well.
    age = max(now - status.time, 0.0)
    return status, judge(status, age=0.0 if held and age < _KEPT_EVERY else age, now=now, killed=not held)
