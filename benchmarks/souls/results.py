"""What long trials have found so far: a file of JSON lines, so that one that was interrupted goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Results:
    """Args:
    file: made with the first result. Several processes may add to it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, result: Mapping[str, Any]) -> None:
        """Write a result that has come in."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(result) + "\n")

    def matching(self, **values: Any) -> list[dict[str, Any]]:
        """The results that have these values."""
        if not self._file.exists():
            return []
        found = map(json.loads, self._file.read_text(encoding="utf-8").splitlines())
        return [result for result in found if values.items() <= result.items()]
