"""The tables of `soulsai status`."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from soulsai_core.cli.tables import Column, Row, table
from soulsai_core.node.formatting import count, counted, duration, number, rate, share
from soulsai_core.node.health.judging import Health
from soulsai_core.node.status.node_status import ClientStatus, NodeStatus

_STYLES = {"error": "red", "warning": "yellow", "note": "cyan"}


def render(status: NodeStatus, health: Health, width: int) -> RenderableType:
    """How the training is and what to do, a table of the node's numbers, and one of its clients, in `width` columns.

    All cells are `Text`, which is shown as it is: a string would be read as rich's markup, and some of it comes from
    clients.
    """
    parts: list[RenderableType] = [_facts_table(status, health)]
    for condition in health.conditions:
        parts.append(Text(f"{condition.sentence}", style=_STYLES[condition.level]))
        parts.append(Text(f"  {condition.advice}"))
    if status.clients and health.live:
        parts += [Text(), table(_COLUMNS, [_row(client) for client in status.clients], width)]
    return Group(*parts)


def _facts_table(status: NodeStatus, health: Health) -> Table:
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    style = "red" if health.unhealthy else "green" if health.state in ("learning", "finished") else "yellow"
    over = health.state == "finished"
    facts.add_row("state", Text(health.sentence if over else health.label, style=style))
    for name, value in _facts(status, health):
        facts.add_row(name, Text(value))
    return facts


def _facts(status: NodeStatus, health: Health) -> list[tuple[str, str]]:
    mean = status.staleness
    iterations = number(mean["iterations"])
    staleness = f"{iterations} iterations, {count(mean['env_steps'])} steps, {number(mean['seconds'])} s"
    learner = _numbers(status.learner) or "no update yet"
    facts = [
        ("run", f"{status.run_id}, trained for {duration(status.elapsed)}"),
        ("seed", "" if status.seed is None else str(status.seed)),
        ("began with", status.origin),
        ("folder", status.folder),
        ("steps", _steps(status, live=health.live)),
        ("goal", _goal(status, live=health.live)),
        ("return", _return(status)),
        ("iteration", count(status.iteration) + (f", {rate(status.iterations_per_second)}" if health.live else "")),
        ("admitted", f"{share(status.acceptance)}; rejected: {_by_reason(status.rejected, 'none')}"),
        ("staleness", staleness),
        ("queue", counted(status.backlog, "message")),
        ("learner", learner),
        ("actors", _numbers(status.acting) and f"{_numbers(status.acting)}, in the newest episode"),
        ("clients", _clients(status, health)),
        *(("left out", f"{client.info.id}: {client.info.unfit}") for client in status.clients if client.info.unfit),
    ]
    return [(name, value) for name, value in facts if value]


def _numbers(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in values.items())


def _clients(status: NodeStatus, health: Health) -> str:
    if health.state in ("finished", "failed", "killed"):
        return ""
    return count(len(status.clients)) if health.live else "unknown"


def _steps(status: NodeStatus, *, live: bool) -> str:
    return count(status.env_steps) + (f", {rate(status.steps_per_second)}" if live else "")


def _goal(status: NodeStatus, *, live: bool) -> str:
    if status.share_done is None or status.state == "ended":
        return ""
    left = "" if status.seconds_left is None or not live else f", about {duration(status.seconds_left)} left"
    of = "" if status.goal_env_steps is None else f" of {counted(status.goal_env_steps, 'step')}"
    return f"{share(status.share_done)}{of}{left}"


def _return(status: NodeStatus) -> str:
    episodes = counted(status.episodes, "episode")
    if status.mean_return is None:
        return f"none yet, {episodes}"
    best = ""
    if status.best_return is not None:
        best = f"; best mean {number(status.best_return[0])} at step {count(status.best_return[1])}"
    return f"{number(status.mean_return)}, mean of the last {count(status.averaged_episodes)} of {episodes}{best}"


def _by_reason(rejected: dict[str, int], nothing: str) -> str:
    return ", ".join(f"{count(rows)} {reason}" for reason, rows in rejected.items()) or nothing


_COLUMNS = (
    Column("client"),
    *(Column(name, True) for name in ("steps", "steps/s", "episodes", "admitted", "rejected", "late", "restarts")),
)


def _row(client: ClientStatus) -> Row:
    info = client.info
    cells = (
        info.id,
        count(info.env_steps),
        number(info.steps_per_second),
        count(info.episodes),
        count(client.admitted),
        _by_reason(client.rejected, "0"),
        count(info.late_steps),
        count(info.restarts),
    )
    return Row(cells)
