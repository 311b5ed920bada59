"""What `soulsai train` says when it is interrupted and when it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from soulsai_core.node.formatting import count, counted, duration, number
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.node.training import TrainingNode


def stopping(node: TrainingNode, console: Console) -> Callable[[str], None]:
    """What to do at the first interrupt: say that the training is saved, and ask the node to stop."""

    def stop(reason: str) -> None:
        node.shutdown(reason)
        console.print(
            f"Saving the checkpoint, then stopping. Ctrl-C again ends at once; {_consequence(node)}.",
            highlight=False,
            soft_wrap=True,
        )

    return stop


def ended_at_once(node: TrainingNode) -> None:
    """Say at the second interrupt what is lost. Written past all buffers: the process ends now."""
    text = f"\nEnded at once; {_consequence(node)}.\n"
    with contextlib.suppress(OSError, ValueError, AttributeError):  # there may be no terminal any more
        os.write(sys.stderr.fileno(), text.encode())


def _consequence(node: TrainingNode) -> str:
    """What an end without a last checkpoint means. With a journal no step is lost, only time."""
    since = _since_checkpoint(node.latest)
    if node.folder.journal.is_dir():
        return f"what was learned {since} is learned again at a resume"
    return f"what was learned {since} is lost"


def _since_checkpoint(status: NodeStatus | None) -> str:
    ago = None if status is None else status.activity.checkpoint
    return "since the start" if ago is None else f"in the {duration(ago)} since the last checkpoint"


def print_end(node: TrainingNode, reason: str, console: Console) -> None:
    """The result, where the models are, and what can be done with them."""
    lines = [f"Training ended: {reason}."]
    status = node.latest
    if status is not None:
        lines += [_line("Result", _result(status)), _line("Time", _time(status))]
    folder = _relative(node.folder.path)
    model = _relative(node.folder.checkpoint)
    lines.append(_line("Model", model))
    if node.folder.best_model.is_dir():
        model = _relative(node.folder.best_model)
        lines.append(_line("Best", model))
    lines += [
        "Next:",
        _line("Measure", f"soulsai eval {model}"),
        _line("Watch", f"soulsai play {model}"),
        _line("Draw", f"soulsai plot {folder}"),
        _line("Resume", f"soulsai train --resume {folder}{_further(status)}"),
    ]
    if (node.folder.path / "telemetry").is_dir():
        lines.append(_line("Page", f"soulsai telemetry --run-folder {folder}"))
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _further(status: NodeStatus | None) -> str:
    """The option without which a resumed training would end at once: its goal in steps is reached."""
    goal = None if status is None else status.goal_env_steps
    if status is None or goal is None or status.env_steps < goal:
        return ""
    return f" --set training.stop.env_steps={2 * goal}"


def _line(name: str, value: str) -> str:
    return f"  {name:<8}{value}"


def _result(status: NodeStatus) -> str:
    if status.mean_return is None:
        return f"no complete episode, {counted(status.episodes, 'episode')}"
    episodes = f"{count(status.averaged_episodes)} of {counted(status.episodes, 'episode')}"
    best = "" if status.best_return is None else f"; the highest was {number(status.best_return[0])}"
    return f"return {number(status.mean_return)}, mean of the last {episodes}{best}"


def _time(status: NodeStatus) -> str:
    steps, updates = counted(status.env_steps, "step"), counted(status.iteration, "iteration")
    return f"{duration(status.elapsed)}: {steps}, {updates}"


def _relative(path: Path) -> str:
    """The path from here, if it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
