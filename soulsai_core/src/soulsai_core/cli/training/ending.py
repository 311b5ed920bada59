"""What `soulsai train` says when it is interrupted and when it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from rich.console import Console

from soulsai_core.cli.program import program, shown_path, shown_run
from soulsai_core.node.formatting import count, counted, duration, number
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.node.training import TrainingNode
from soulsai_core.run_folder import RunFolder


def stopping(node: TrainingNode, console: Console) -> Callable[[str], None]:
    """What to do at the first interrupt: say that the training is saved, and ask the node to stop."""

    def stop(reason: str) -> None:
        node.shutdown(reason)
        console.print(
            f"Saving the checkpoint, then stopping. Ctrl-C again ends at once; {_consequence(node)}.",
            highlight=False,
            soft_wrap=not console.is_terminal,
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


def print_end(folder: RunFolder, status: NodeStatus | None, reason: str, options: str, console: Console) -> None:
    """The result, where the models are, and the commands that go on from there. Without a model that has learned, or
    without an episode, there is nothing to measure, to watch or to draw.

    Args:
        status: the last one; None if the training ended before the first.
        options: of a resume, each with a space before it.
    """
    has_best = folder.best_model.is_dir()
    soulsai = program()
    run = shown_run(folder.path)
    best = " --best" if has_best else ""
    learned = status is not None and (status.iteration > 0 or bool(status.origin))
    lines = [f"Training ended: {reason}."]
    if status is not None:
        lines += [_line(*part) for part in _result_of(status)]
    if status is None or not status.iteration:
        lines.append(_line("Learned", _why_nothing(status)))
    lines.append(_line("Model", shown_path(folder.checkpoint)))
    if has_best:
        lines.append(_line("Best", shown_path(folder.best_model)))
    lines.append("Next:")
    if learned:
        lines.append(_line("Measure", f"{soulsai} eval {run}{best}"))
        lines.append(_line("Watch", f"{soulsai} play {run}{best}"))
    if status is not None and status.mean_return is not None:
        lines.append(_line("Draw", f"{soulsai} plot {run}"))
    lines.append(_line("Resume", f"{soulsai} train --resume {run}{options}"))
    if (folder.path / "telemetry").is_dir():
        lines.append(_line("Page", f"{soulsai} telemetry --run-folder {run}"))
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _result_of(status: NodeStatus) -> list[tuple[str, str]]:
    steps = f"{duration(status.elapsed)}: {counted(status.env_steps, 'step')}, {counted(status.iteration, 'iteration')}"
    return [("Result", _returns(status)), ("Time", steps)]


def _why_nothing(status: NodeStatus | None) -> str:
    """Why a training without an iteration has learned nothing."""
    if status is None:
        return "nothing: it ended at once"
    if status.env_steps:
        return "nothing: it ended before the first update"
    rejected = ", ".join(f"{count(rows)} {reason}" for reason, rows in status.rejected.items())
    return f"nothing: all steps were rejected, {rejected}" if rejected else "nothing: no step came"


def _returns(status: NodeStatus) -> str:
    if status.mean_return is None:
        return f"no complete episode, {counted(status.episodes, 'episode')}"
    episodes = f"{count(status.averaged_episodes)} of {counted(status.episodes, 'episode')}"
    best = "" if status.best_return is None else f"; the highest was {number(status.best_return[0])}"
    return f"return {number(status.mean_return)}, mean of the last {episodes}{best}"


def _line(name: str, value: str) -> str:
    return f"  {name:<8}{value}"
