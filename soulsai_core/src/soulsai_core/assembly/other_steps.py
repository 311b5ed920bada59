"""Reads the steps that another run has in its journal, for a training that begins with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from soulsai_core import checkpoint
from soulsai_core.errors import CheckpointError, WireError
from soulsai_core.journal import segments
from soulsai_core.journal.records import MESSAGE, TAKEN
from soulsai_core.journal.segments import Entry, Segment
from soulsai_core.messages import ArraySpec
from soulsai_core.node.formatting import counted
from soulsai_core.node.freshness import Freshness
from soulsai_core.node.intake import admitted
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import MASK, StepBatch
from soulsai_core.wire import Column, StepDecoder, open_message

log = logging.getLogger(__name__)

_MOST_BYTES = 2**31
_MOST_STREAMS = 2**31
"""Of a message, and of a client. The other run had limits of its own, and judged its messages by them."""

_ATTEMPTS = 5
"""How often the segments are looked for again, where a run that goes on has removed some of them meanwhile."""


class OtherSteps:
    """The steps in the journal of a run now. Nothing is changed in its folder, and it may go on: what it adds later is
    not read, and what it removes meanwhile is left out.

    Neither its plugins nor its environment are needed: each message says what columns it has.

    Args:
        model: the folder of the run, or of one of its checkpoints, which may hold a part of the journal itself.

    Attributes:
        folder: of the run.
        rows: that it has.
        all_kept: whether these are all that it ever admitted.

    Raises CheckpointError if there is no checkpoint.
    """

    def __init__(self, model: Path) -> None:
        self.folder, found = RunFolder.holding(model)
        self._observed = {MASK, *_observed_in(found)}
        own = checkpoint.journal_of(found)
        self._folders = [self.folder.journal, *([] if own is None else [own])]
        self._decoders: dict[tuple[tuple[Column, ...], ...], StepDecoder] = {}
        there = self._find()
        self._end = segments.end_of(there)
        self.rows = self._end.rows - there[0].header.rows if there else 0
        self.all_kept = not there or there[0].header.first == 0

    def messages(self, most: int) -> Iterator[tuple[str, StepBatch]]:
        """The newest `most` admitted rows, the oldest first: (client, steps) for each message, with the columns that
        it has in the journal."""
        first = max(self._end.rows - most, self._end.rows - self.rows)
        missing = self._end.rows - first
        unreadable = 0
        for entry in self._entries(first):
            record = entry.record
            skipped = max(first - entry.rows_before, 0)
            if record.kind not in (MESSAGE, TAKEN) or skipped >= record.rows:
                continue
            missing -= record.rows - skipped
            try:
                client, steps = self._read(entry)
            except WireError:
                unreadable += record.rows - skipped
                continue
            yield client, steps.part(skipped, len(steps))
        if missing or unreadable:
            log.warning(
                "%s in the journal of %s are damaged or were removed meanwhile, and are left out.",
                counted(missing + unreadable, "step"), self.folder.name,
            )  # fmt: skip

    def _find(self) -> list[Segment]:
        return segments.find(*self._folders)

    def _entries(self, first_row: int) -> Iterator[Entry]:
        number = 0
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                found = segments.needed(self._find(), first_row)
                for entry in segments.read(found, number, self._end.record):
                    number = entry.number + 1
                    yield entry
                return
            except FileNotFoundError:
                if attempt == _ATTEMPTS:
                    raise

    def _read(self, entry: Entry) -> tuple[str, StepBatch]:
        """Client and admitted steps. Raises WireError if they cannot be read."""
        record = entry.record
        header, body = open_message(record.payload, _MOST_BYTES)
        layout = (header.columns, header.sparse)
        if layout not in self._decoders:
            self._decoders[layout] = self._decoder(*layout)
        steps = self._decoders[layout].read(header, body)
        if record.kind == MESSAGE:
            sources = frozenset(source for source in range(64) if entry.limits.sources >> source & 1)
            steps, _ = admitted(steps, sources, Freshness(entry.limits.max_staleness), record.iteration)
        return header.client, steps

    def _decoder(self, columns: tuple[Column, ...], sparse: tuple[Column, ...]) -> StepDecoder:
        specs = {name: ArraySpec(shape, _plain(dtype)) for name, dtype, shape in columns}
        specs |= {name: ArraySpec(shape, _plain(dtype), sparse=True) for name, dtype, shape in sparse}
        return StepDecoder(specs, self._observed, _MOST_BYTES, _MOST_STREAMS)


def _observed_in(model: Path) -> list[str]:
    """Names of the parts of the observation in the run of the checkpoint `model`."""
    try:
        return list(checkpoint.identity(model)["spaces"]["observations"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{model} does not say which observations its environment gives.") from error


def _plain(dtype: str) -> str:
    """The dtype if it is one of plain numbers. Raises WireError for others."""
    try:
        if np.dtype(dtype).kind in "biuf":
            return dtype
    except TypeError:
        pass
    raise WireError("dtype", f"{dtype[:16]!r} is not a type of numbers")
