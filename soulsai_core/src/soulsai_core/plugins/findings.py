"""What a check found, in a sentence."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from soulsai_core.errors import SoulsAIError

OK = "ok"
WARNING = "warning"
PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        topic: what was looked at, in a word or two.
        level: OK, WARNING or PROBLEM.
        sentence: what was found and, unless it is OK, what to do.
    """

    topic: str
    level: str
    sentence: str


def findings_of(topic: str, trial: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a trial. Whatever it raises ends it, and is the last finding."""
    try:
        yield from trial
    except SoulsAIError as error:
        # Wrong settings have a line each, below one that counts them.
        lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
        for line in lines[1:] if len(lines) > 1 and lines[0].endswith(":") else lines:
            yield Finding(topic, PROBLEM, line)
    except AssertionError as error:
        yield Finding(topic, PROBLEM, f"{_sentence(error).removesuffix('.')}.")
    except Exception as error:
        yield Finding(topic, PROBLEM, f"{type(error).__name__}: {_sentence(error)}{_place(error)}.")


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _place(error: BaseException) -> str:
    """The line that raised, as part of a sentence."""
    frames = traceback.extract_tb(error.__traceback__ or sys.exc_info()[2])
    return f" ({Path(frames[-1].filename).name} line {frames[-1].lineno})" if frames else ""
