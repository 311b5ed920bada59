"""A training in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soulsai_core.node.formatting import count, counted, duration, number, rate, share

if TYPE_CHECKING:
    from soulsai_core.node.health.judging import Health
    from soulsai_core.node.status.node_status import NodeStatus


def progress(status: NodeStatus, health: Health) -> str:
    """The training in one line: what matters most comes first, since a narrow terminal cuts the end off."""
    if health.unhealthy or health.state == "waiting":
        return f"{duration(status.elapsed)}  {health.label}: {health.sentence}"
    parts = [
        duration(status.elapsed),
        *([] if health.state == "learning" else [health.label]),
        *_goal(status),
        f"steps {count(status.env_steps)}",
        f"return {number(status.mean_return)} (mean of {count(status.averaged_episodes)})",
        *(_now(status) if health.live else []),
        f"iteration {count(status.iteration)}",
        f"admitted {share(status.acceptance)}",
        f"staleness {number(status.staleness['iterations'])}",
    ]
    return "  ".join(parts)


def _now(status: NodeStatus) -> list[str]:
    """What is true only while the node runs."""
    return [rate(status.steps_per_second).replace("/s", " steps/s"), counted(len(status.clients), "client")]


def _goal(status: NodeStatus) -> list[str]:
    """The share done and the time left, [] without a goal."""
    if status.share_done is None:
        return []
    left = "" if status.seconds_left is None or status.state != "running" else f", {duration(status.seconds_left)} left"
    return [f"{share(status.share_done)} done{left}"]
