"""The table of segments of a `StepBatch`: what is the same for consecutive rows, stated once.

A segment is a run of rows of one stream (one environment of one client) that were made one after the other, by one
model and within one episode. The functions here read the table alone, so the node can check a message before it looks
at any column.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import pairwise

import numpy as np

STREAM, POSITION, ROWS, ITERATION, SOURCE, START, END = range(7)
"""Columns of the table."""

SEGMENT_COLUMNS = 7

# Integers below it are exact as float64, too, and adding some of them cannot overflow an int64.
_NUMBER_LIMIT = 2**53


class End(IntEnum):
    """What became of the last row of a segment."""

    GOES_ON = 0
    TERMINATED = 1
    TRUNCATED = 2
    """The environment cut the episode off: the state still has a value (Pardo et al. 2018)."""
    DISCARDED = 3
    """The step was late or its successor invalid: the observation may be read, the reward and successor may not."""


class Source(IntEnum):
    """Who chose the actions."""

    AGENT = 0
    EVALUATION = 1
    PERSON = 2
    SCRIPT = 3


# Plain numbers: comparing arrays with members of an IntEnum takes five times as long.
_DISCARDED = int(End.DISCARDED)
_CONTINUABLE = (int(End.GOES_ON), _DISCARDED)
_LAST_SOURCE = max(int(source) for source in Source)

# Ends after which the last row's return is bootstrapped from the observation that followed it.
_BOOTSTRAPPED = (int(End.GOES_ON), int(End.TRUNCATED))


def follows(segment: list[int], following: list[int]) -> bool:
    """Whether the first row of `following` comes directly after the last row of `segment`, the one before it in the
    table: same stream, next position, same episode.

    A discarded row is followed, too: its own reward is not used, but the rows behind it need it for their stacks and
    sequences.
    """
    return (
        segment[POSITION] + segment[ROWS] == following[POSITION]
        and segment[STREAM] == following[STREAM]
        and not following[START]
        and segment[END] in _CONTINUABLE
    )


def continued(segments: np.ndarray) -> np.ndarray:
    """bool (segments,) for a table (segments, 7): whether the next segment follows this one."""
    table = segments.tolist()
    return np.array([*(follows(*pair) for pair in pairwise(table)), *([False] if table else [])], np.bool_)


def has_after(segments: np.ndarray) -> np.ndarray:
    """bool (segments,) for a table (segments, 7): whether `StepBatch.after` has an entry with what followed the last
    row. A terminated row has no value after it, and what followed a discarded one may not be read."""
    return np.array(_has_after(segments), np.bool_)


def after_rows(segments: np.ndarray) -> int:
    """The number of entries that `StepBatch.after` has for a table (segments, 7)."""
    return sum(_has_after(segments))


def _has_after(segments: np.ndarray) -> list[bool]:
    # Plain lists: most messages have a handful of segments, where numpy's calls would take longer.
    table = segments.tolist()
    found = [segment[END] in _BOOTSTRAPPED for segment in table]
    for number, (segment, following) in enumerate(pairwise(table)):
        if follows(segment, following):
            found[number] = False
    return found


def segments_error(segments: np.ndarray, rows: int, max_streams: int) -> str | None:
    """What is wrong with a table (segments, 7) that describes `rows` rows in all; None if it is valid.

    Tables come from clients, which may send anything: the checks rule out numbers that would overflow later on.
    """
    total = 0
    last_stream = 0
    next_position = 0
    for stream, position, count, iteration, source, start, end in segments.tolist():
        if stream < 0 or not 0 <= position < _NUMBER_LIMIT or not 0 <= iteration < _NUMBER_LIMIT:
            return "a number in the table of segments is out of range"
        if stream >= max_streams:
            return f"stream {stream}, where a client has at most {max_streams}"
        if not 0 <= source <= _LAST_SOURCE or not 0 <= start <= 1 or not 0 <= end <= _DISCARDED:
            return "the start, source or end of a segment has an unknown value"
        # Each count by itself, since a negative one could make up for one that is too large.
        if not 0 < count <= rows:
            return f"the segments do not make {rows} rows"
        if stream < last_stream or (stream == last_stream and position < next_position):
            return "the segments are not stream after stream in the order of time"
        total += count
        last_stream = stream
        next_position = position + count
    return None if total == rows else f"the segments do not make {rows} rows"
