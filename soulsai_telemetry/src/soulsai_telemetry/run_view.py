"""What the telemetry node can see of a run's folder, and where in it the node keeps its own state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from soulsai_core import NodeStatus
from soulsai_core.app import RunFolder

# Bytes read from the end of a log: more than the page shows, and little enough for a log of any size.
_TAIL = 32_768


class Checkpoint(NamedTuple):
    """A checkpoint that was found on disk.

    Attributes:
        kind: "periodic" or "quicksave".
        time: when it was written, in seconds since 1970.
    """

    path: Path
    iteration: int
    kind: str
    time: float


@dataclass(frozen=True, slots=True)
class RunView:
    """The run's folder if it can be seen from here, else a folder of the same name under our own `saves`.

    Attributes:
        folder: holds the telemetry node's state under `telemetry/`.
        shared: `folder` is the training node's own.
    """

    folder: RunFolder
    shared: bool

    @classmethod
    def of(cls, status: NodeStatus, saves: Path) -> RunView:
        """The view of the training with this status."""
        theirs = Path(status.folder)
        # On another machine the same path may exist, and belong to another run.
        shared = theirs.name == status.run_id and RunFolder(theirs).config.is_file()
        # `name`: a run_id comes over the network and must not lead out of `saves`.
        return cls(RunFolder(theirs if shared else saves / Path(status.run_id).name), shared)

    @property
    def state(self) -> Path:
        """The folder of the telemetry node's own files."""
        return self.folder.path / "telemetry"

    @property
    def episodes(self) -> Path:
        """All episode reports that counted, one JSON object a line."""
        return self.state / "episodes.jsonl"

    @property
    def status_rows(self) -> Path:
        """The history of rates and of the learner's numbers, one JSON object a line."""
        return self.state / "status.jsonl"

    @property
    def summary(self) -> Path:
        """The run in a few numbers, with its last status, as JSON."""
        return self.state / "summary.json"

    @property
    def events(self) -> Path:
        """What happened in the run, one JSON object a line."""
        return self.state / "events.jsonl"

    @property
    def saved_model(self) -> Path:
        """The score of the model in best_model/, as JSON."""
        return self.state / "best.json"

    @property
    def best_since_file(self) -> Path:
        """The number of the last episode that does not count for the best score."""
        return self.state / "best-since"

    def best_since(self) -> int:
        """The number of the last episode that does not count for the best score, 0 if all count."""
        try:
            return int(self.best_since_file.read_bytes())
        except (OSError, ValueError):
            return 0

    def config(self) -> dict[str, Any] | None:
        """The run's resolved configuration, None if it cannot be seen from here."""
        try:
            return json.loads(self.folder.config.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None

    def logs(self) -> list[str]:
        """Names of the logs that can be read here."""
        return sorted(file.stem for file in self.folder.logs.glob("*.log"))

    def log_lines(self, name: str, count: int) -> list[str]:
        """The last `count` lines of a log; empty if there is no such log."""
        # Only names that were found: a name comes from the page and must not lead to other files.
        if name not in self.logs():
            return []
        try:
            with (self.folder.logs / f"{name}.log").open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return text.splitlines()[-count:]

    def checkpoints(self) -> Iterator[Checkpoint]:
        """The run's checkpoints that can be seen from here, without that of the best model, which we asked for."""
        if not self.shared:
            return
        periodic = self.folder.checkpoint
        for folder in [periodic, *self.folder.path.glob("manual_save/*")]:
            # The manifest is written last: without it, or if it is replaced while we look, there is no checkpoint.
            try:
                written = (folder / "manifest.json").stat().st_mtime
                node = json.loads((folder / "node.json").read_text(encoding="utf-8"))
                kind = "periodic" if folder == periodic else "quicksave"
                yield Checkpoint(folder, int(node["iteration"]), kind, written)
            except (OSError, ValueError, RecursionError, KeyError, TypeError):
                continue
