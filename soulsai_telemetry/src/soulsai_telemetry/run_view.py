"""Where the telemetry node keeps its state, and what it can see of the run's folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from soulsai_core import NodeStatus

_TAIL = 32_768


class Checkpoint(NamedTuple):
    """A checkpoint that was found on disk."""

    path: Path
    iteration: int
    kind: str
    time: float


@dataclass(frozen=True, slots=True)
class RunView:
    """The run's folder where it can be seen from here, else a folder of the same name under our own `saves`.

    Attributes:
        folder: holds our state under `telemetry/`.
        shared: `folder` is the training node's own.
    """

    folder: Path
    shared: bool

    @classmethod
    def of(cls, status: NodeStatus, saves: Path) -> RunView:
        """The place of the training with this status."""
        theirs = Path(status.folder)
        shared = theirs.name == status.run_id and (theirs / "config.json").is_file()
        return cls(theirs if shared else saves / Path(status.run_id).name, shared)

    @property
    def state(self) -> Path:
        """Our own folder in it."""
        return self.folder / "telemetry"

    def config(self) -> dict[str, Any] | None:
        """The run's resolved configuration, None if it cannot be seen from here."""
        try:
            return json.loads((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def logs(self) -> list[str]:
        """Names of the logs that can be read here."""
        return sorted(file.stem for file in (self.folder / "logs").glob("*.log"))

    def log_lines(self, name: str, count: int) -> list[str]:
        """The last lines of a log; empty if there is no such log."""
        if name not in self.logs():
            return []
        try:
            with (self.folder / "logs" / f"{name}.log").open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return text.splitlines()[-count:]

    def checkpoints(self) -> Iterator[Checkpoint]:
        """The run's checkpoints that can be seen from here; the best model's is not among them."""
        if not self.shared:
            return
        for manifest in [self.folder / "checkpoint/manifest.json", *self.folder.glob("manual_save/*/manifest.json")]:
            try:
                node = json.loads((manifest.parent / "node.json").read_text(encoding="utf-8"))
                kind = "periodic" if manifest.parent.parent == self.folder else "quicksave"
                yield Checkpoint(manifest.parent, int(node["iteration"]), kind, manifest.stat().st_mtime)
            except (OSError, ValueError, KeyError, TypeError):
                continue
