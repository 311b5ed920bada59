"""The judgment of a training: its state in one word, and what keeps it from learning.

`judge` is a pure function of the node's status. Terminal, `soulsai status`, page, metrics and notifications show its
result, so that none of them says something else.
"""

from __future__ import annotations

import msgspec

from soulsai_core.node.formatting import clock_time, counted, duration, word
from soulsai_core.node.health.conditions import Condition, Finding, findings
from soulsai_core.node.status.node_status import NodeStatus

SILENT_AFTER = 5.0
"""Seconds without a new status after which the node counts as silent. It writes one four times a second."""

LABELS = {
    "waiting": "waiting for clients",
    "collecting": "collecting samples",
    "learning": "learning",
    "rejecting": "rejecting much",
    "stuck": "stuck",
    "stopping": "stopping",
    "finished": "finished",
    "failed": "failed",
    "silent": "node silent",
    "killed": "killed",
}
"""State -> its words for people."""

UNHEALTHY = frozenset({"rejecting", "stuck", "failed", "silent", "killed"})
"""States in which the training does not go on as it should."""


class Health(msgspec.Struct, frozen=True):
    """The judgment of a training at one moment.

    Attributes:
        state: a key of LABELS.
        since: when the state began, in seconds since 1970, as far as that is known.
        sentence: the state with its reason, for people.
        conditions: what was found, the most serious first; empty if all is well.
    """

    state: str
    since: float
    sentence: str
    conditions: tuple[Condition, ...] = ()

    @property
    def label(self) -> str:
        """The state in words."""
        return LABELS[self.state]

    @property
    def unhealthy(self) -> bool:
        """Whether the training does not go on as it should."""
        return self.state in UNHEALTHY

    @property
    def live(self) -> bool:
        """Whether the node reports: its rates and the last signs of its clients are up to date."""
        return self.state not in ("silent", "finished", "failed", "killed")


def judge(
    status: NodeStatus,
    *,
    age: float,
    now: float,
    reachable: bool = True,
    killed: bool = False,
    silent_after: float = SILENT_AFTER,
) -> Health:
    """The judgment of the training with this status.

    Args:
        age: seconds since the status was written, by the server's clock.
        now: seconds since 1970, for the times in the result. It need not agree with the clock of the node.
        reachable: False if the server cannot be reached: then the status is the last one known, and the node may be
            well.
        killed: its process is known to have ended.
        silent_after: seconds without a new status after which the node counts as silent.
    """
    written = now - age
    if status.state == "ended":
        return _ended(status, written, now)
    if killed:
        return _silent(_killed(status, age, written, now), written, now, "killed")
    if not reachable:
        return _silent(_server_lost(age), written, now)
    if age >= silent_after:
        return _silent(_node_silent(age, written, now), written, now)
    found = sorted((finding.at(written) for finding in findings(status)), key=lambda condition: condition.rank)
    state, seconds, sentence = _state(status, found)
    return Health(state, written - seconds, sentence, tuple(found))


def _ended(status: NodeStatus, written: float, now: float) -> Health:
    when = clock_time(written, now)
    reason = status.reason or "for an unknown reason"
    if not status.failed:
        return Health("finished", written, f"Finished at {when}: {reason}.")
    finding = Finding(
        "failed",
        "error",
        0.0,
        f"The training failed at {when}: {reason.rstrip('.')}.",
        f"Correct the cause, then resume from the last checkpoint: soulsai train --resume {word(status.folder)}",
    )
    return Health("failed", written, finding.sentence, (finding.at(written),))


def _silent(finding: Finding, written: float, now: float, state: str = "silent") -> Health:
    condition = finding.at(now)
    return Health(state, written, condition.sentence, (condition,))


def _killed(status: NodeStatus, age: float, written: float, now: float) -> Finding:
    return Finding(
        "killed",
        "error",
        age,
        f"The training was killed: its node was last heard of at {clock_time(written, now)}.",
        f"Resume from the last checkpoint: soulsai train --resume {word(status.folder)}",
    )


def _node_silent(age: float, written: float, now: float) -> Finding:
    return Finding(
        "node_silent",
        "error",
        age,
        f"The training node has been silent for {duration(age)}, since {clock_time(written, now)}.",
        "It was killed, its machine is off, or it lost the server. If it does not come back: soulsai train --resume",
    )


def _server_lost(age: float) -> Finding:
    return Finding(
        "server_lost",
        "error",
        age,
        f"The server (Redis) has not answered for {duration(age)}.",
        "Start it again: node and clients keep what they have, and go on by themselves.",
    )


def _state(status: NodeStatus, found: list[Condition]) -> tuple[str, float, str]:
    """The state, for how many seconds, and its sentence. The first condition is the most serious one."""
    activity = status.activity
    if status.state == "stopping":
        return "stopping", 0.0, f"The training is stopping: {status.reason or 'it was asked to'}."
    worst = found[0] if found else None
    if worst is not None and worst.name in ("no_client", "too_few_clients"):
        return "waiting", activity.absent or activity.present, worst.sentence
    if worst is not None and worst.level == "error":
        return "stuck", worst.seconds, worst.sentence
    rejecting = next((condition for condition in found if condition.name == "rejecting"), None)
    if rejecting is not None:
        return "rejecting", rejecting.seconds, rejecting.sentence
    if activity.update is None and activity.updating is None:
        sentence = f"Samples of {counted(len(status.clients), 'client')} are collected; no update was made yet."
        return "collecting", activity.present, sentence
    return "learning", activity.up, f"The model learns from {counted(len(status.clients), 'client')}."
