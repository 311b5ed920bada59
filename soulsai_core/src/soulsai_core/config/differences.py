"""Compares settings with those of an earlier start, for people who resume a training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from soulsai_core.config.errors import SECRET
from soulsai_core.config.sources import dotted

_MISSING = object()
_LONGEST = 60
_MOST = 5


def differences(given: Mapping[str, Any], saved: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(dotted path, given value, saved value) of each given setting whose saved value is another one. A setting that is
    not there is None. Secrets are left out, since they are never saved."""
    return list(_differences(given, saved, ()))


def _differences(given: Any, saved: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(given, Mapping) and isinstance(saved, Mapping):
        for key, value in given.items():
            if not SECRET.search(str(key)):
                yield from _differences(value, saved.get(key, _MISSING), (*path, str(key)))
        return
    # Empty sections and null ones set nothing.
    if given == saved or (given in (None, {}) and (saved is _MISSING or isinstance(saved, Mapping))):
        return
    yield dotted(path), given, None if saved is _MISSING else saved


def described(found: list[tuple[str, Any, Any]], whose: tuple[str, str] = ("now", "then")) -> str:
    """`a.b (1 now, 2 then), c (…)` for these differences, the first few of them."""
    ours, theirs = whose
    shown = [f"{path} ({_short(now)} {ours}, {_short(then)} {theirs})" for path, now, then in found[:_MOST]]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
