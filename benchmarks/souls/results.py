"""The results of long trials up to now, in a file of JSON lines, so that an interrupted trial can be continued."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Results:
    """Args:
    file: created with the first result. Several processes may append to it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, result: Mapping[str, Any]) -> None:
        """Append a result to the file."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(result) + "\n")

    def matching(self, **values: Any) -> list[dict[str, Any]]:
        """The results that have these values."""
        if not self._file.exists():
            return []
        found = map(json.loads, self._file.read_text(encoding="utf-8").splitlines())
        return [result for result in found if values.items() <= result.items()]
