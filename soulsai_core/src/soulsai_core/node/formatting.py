"""Numbers as people read them, and commands as they copy them, the same in terminal, status, figures and sentences."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from datetime import datetime

GAP = 2
"""Blanks between two columns of a table."""

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def word(text: object) -> str:
    """Text as one word of a command to copy: with quotes if it has blanks, or what has a meaning for the shell."""
    return subprocess.list2cmdline([str(text)]) if os.name == "nt" else shlex.quote(str(text))


def count(number: float) -> str:
    """1234567 as "1,234,567"."""
    return f"{number:,.0f}"


def counted(number: int, noun: str) -> str:
    """1 and "client" as "1 client", 1200 as "1,200 clients"."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def number(value: float | None) -> str:
    """About three digits: 1234.5 as "1,234", 188.62 as "188.6", 9.5 as "9.50", 0.00123 as "0.0012"; a dash for None."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.2g}"


def share(value: float) -> str:
    """0.9987 as "99.9%": rounded down, so that "100%" means all."""
    if value >= 1:
        return "100%"
    return f"{int(value * 1000) / 10:.1f}%"


def rate(per_second: float) -> str:
    """1234.5 as "1,234/s"."""
    return f"{number(per_second)}/s"


def size(number_of_bytes: float) -> str:
    """2**20 as "1 MB", 3 * 2**29 as "1.5 GB" and 1000 as "less than 1 MB": as in settings, a MB has 2**20 bytes."""
    if number_of_bytes < 2**20:
        return "less than 1 MB" if number_of_bytes else "0 MB"
    if number_of_bytes >= 2**30:
        return f"{number_of_bytes / 2**30:,.1f} GB"
    return f"{number_of_bytes / 2**20:,.0f} MB"


def duration(seconds: float) -> str:
    """45 as "45 s", 125 as "2 min 05 s", 3723 as "1 h 02 min", 190000 as "2 d 4 h". One that is not finite is "?"."""
    if not seconds < float("inf"):
        return "?"
    whole = max(int(seconds), 0)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s" if whole < 10 * _MINUTE else f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def clock_time(time: float, now: float) -> str:
    """A time in seconds since 1970 as "14:02", with its date if it is not of the last 20 hours."""
    local = datetime.fromtimestamp(time).astimezone()
    return f"{local:%H:%M}" if now - time < 20 * _HOUR else f"{local:%Y-%m-%d %H:%M}"


def plain_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded with blanks, for files and pipes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return [(" " * GAP).join(cells).rstrip() for cells in padded]
