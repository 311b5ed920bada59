"""Numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_core.messages import NodeStatus


def count(number: int) -> str:
    """1234567 as "1,234,567"."""
    return f"{number:,}"


def duration(seconds: float) -> str:
    """3723 as "1:02:03", 62 as "1:02"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def mean_return(status: NodeStatus) -> str:
    """The mean return, or a dash before the first episode."""
    return "-" if status.mean_return is None else f"{status.mean_return:.1f}"


def progress(status: NodeStatus) -> str:
    """The state of the training in one line."""
    goal = "" if status.goal_env_steps is None else f"/{count(status.goal_env_steps)}"
    return (
        f"{duration(status.elapsed)}  steps {count(status.env_steps)}{goal}  return {mean_return(status)} "
        f"({min(status.episodes, status.window_episodes)} ep)  {status.steps_per_second:,.0f} steps/s  "
        f"iteration {status.iteration}  admitted {status.acceptance:.1%}  "
        f"staleness {status.staleness['iterations']:.1f}  clients {len(status.clients)}"
    )
