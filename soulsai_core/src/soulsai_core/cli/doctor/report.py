"""Shows findings as lines for people or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from soulsai_core.plugins.findings import OK, PROBLEM, WARNING, Finding

_STYLES = {OK: "green", WARNING: "yellow", PROBLEM: "bold red"}
_LEVEL = 9
_TOPIC = 13
"""Widths of the first two columns."""

_LEAST = 30
"""Columns that a sentence has at least; on a narrower terminal it goes below its topic."""

ERROR_CODE = 2


def show(findings: Iterator[Finding], *, as_json: bool) -> int:
    """Print findings as they come. Returns the exit code: 2 if one is a problem, else 0."""
    found: list[Finding] = []
    if as_json:
        found = list(findings)
        print(json.dumps(_as_values(found), indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            found.append(finding)
            _print(finding)
        _print_sum(found)
    return ERROR_CODE if any(finding.level == PROBLEM for finding in found) else 0


def _as_values(found: list[Finding]) -> dict[str, object]:
    return {
        "ok": all(finding.level != PROBLEM for finding in found),
        "problems": sum(finding.level == PROBLEM for finding in found),
        "warnings": sum(finding.level == WARNING for finding in found),
        "findings": [
            {"topic": finding.topic, "level": finding.level, "sentence": finding.sentence} for finding in found
        ],
    }


def _print(finding: Finding) -> None:
    """One line in a file or pipe; in a terminal, with colors and the sentence in a column of its own."""
    start = f"{finding.level:<{_LEVEL}}{finding.topic:<{_TOPIC}}"
    if not sys.stdout.isatty():
        print(f"{start}{finding.sentence}", flush=True)
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False)
    text = Text(start)
    text.stylize(_STYLES[finding.level], 0, _LEVEL)
    indent = _LEVEL + _TOPIC if console.width >= _LEVEL + _TOPIC + _LEAST else 2
    if indent == 2:
        console.print(text)
        console.print(Padding(Text(finding.sentence), (0, 0, 0, indent)))
        return
    lines = Text(finding.sentence).wrap(console, console.width - indent)
    for number, line in enumerate(lines):
        console.print((text if number == 0 else Text(" " * indent)) + line, soft_wrap=True)


def _print_sum(found: list[Finding]) -> None:
    counts = {level: sum(finding.level == level for finding in found) for level in (PROBLEM, WARNING)}
    words = [f"{number} {level}{'s' if number > 1 else ''}" for level, number in counts.items() if number]
    print(f"\n{' and '.join(words).capitalize() if words else 'No problem'} found.")
