"""The one storage of steps: a ring of rows that knows which rows follow each other. All ways of reading share it.

What always holds:

- Rows are numbered from 0 in the order of writing. Row i lies in slot i modulo the capacity, also after loading, so a
  slot tells the number of its row, and rows need no index.
- Rows of many clients lie mixed. A link is the distance in numbers to the next row of the same episode: it stays right
  when the ring goes round, and a row that was overwritten is recognized by its number.
- The observation that followed a row is stored once: in the successor's own row if that is there, else in a pool. Its
  place in the pool is freed as soon as the successor comes or the row is overwritten.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from soulsai_core.messages import Arrays, ArraySpec
from soulsai_core.replay.columns import make_columns
from soulsai_core.replay.pool import Pool
from soulsai_core.steps import (
    DURATION,
    END,
    POSITION,
    REWARD,
    ROWS,
    START,
    STREAM,
    End,
    StepBatch,
    follows,
)

# Bits of `StepStore.flags`: the two lowest are the row's `End`.
END_BITS = 3
START_FLAG = 4

# Plain numbers: reading a member of an enumeration takes as long as all the rest that is done for a segment.
_GOES_ON = int(End.GOES_ON)
_TRUNCATED = int(End.TRUNCATED)
_DISCARDED = int(End.DISCARDED)


@dataclass(slots=True)
class Stream:
    """The newest row of one client's environment: its position in the stream, its number in the ring, and its `End`."""

    position: int
    number: int
    end: int


class StepStore:
    """A ring of rows.

    The store computes the links itself, from the positions that clients give: a wrong position can make a break, but
    never a link to a row of another client or episode.

    Args:
        capacity: rows stored; the oldest are overwritten.
        columns: name -> spec of one row, as it is stored; "reward" is among them.
        observed: names of those that `StepBatch.after` has, too.
        device: where columns lie as tensors; None: in main memory. Rewards and durations are always in main memory,
            where returns are computed.
    Attributes:
        count: rows appended so far: the number of the next one.
        size: rows that are there.
        ahead: int32 (capacity,), the distance to the row that follows; 0 if nothing follows; -(place + 1) if only the
            observation that followed is known, which is then in this place of the pool.
        back: int32 (capacity,), the distance to the row before, which may be overwritten by now; 0 if none is known.
        flags: uint8 (capacity,), the row's `End` and START_FLAG.
        places: sparse column -> int32 (capacity,), the place of the row's value in the column's pool, -1 for none.
        has_discarded: False if no row is discarded. Looking at each row would cost a tenth of a draw.
    """

    def __init__(
        self, capacity: int, columns: Mapping[str, ArraySpec], observed: Collection[str], device: str | None = None
    ) -> None:
        self.capacity = capacity
        self.count = 0
        self.size = 0
        self.specs = {name: spec for name, spec in columns.items() if not spec.sparse}
        self.observed = tuple(name for name in self.specs if name in observed)
        self.sparse = tuple(name for name, spec in columns.items() if spec.sparse)
        self.reward = np.zeros(capacity, np.float32)
        self.duration = np.zeros(capacity, np.float32) if DURATION in self.specs else None
        self.flags = np.zeros(capacity, np.uint8)
        self.ahead = np.zeros(capacity, np.int32)
        self.back = np.zeros(capacity, np.int32)
        self.places = {name: np.full(capacity, -1, np.int32) for name in self.sparse}
        self.names = tuple(name for name in self.specs if name not in (REWARD, DURATION))
        self._columns = make_columns(capacity, {name: self.specs[name] for name in self.names}, device)
        self._after = Pool({name: self.specs[name] for name in self.observed}, device)
        self._sparse = {name: Pool({name: columns[name]}, device) for name in self.sparse}
        # Number of a row -> its place in `_after`. Numbers are added in ascending order, so the first is the oldest.
        self._after_places: dict[int, int] = {}
        self._streams: dict[tuple[str, int], Stream] = {}
        self.has_discarded = False

    @property
    def bytes(self) -> int:
        """Memory of the store once it is full."""
        own: list[np.ndarray] = [self.reward, self.flags, self.ahead, self.back, *self.places.values()]
        if self.duration is not None:
            own.append(self.duration)
        arrays = sum(array.nbytes for array in own)
        pools = self._after.bytes + sum(pool.bytes for pool in self._sparse.values())
        return self._columns.bytes + arrays + pools

    @property
    def oldest(self) -> int:
        """Number of the oldest row that is there."""
        return self.count - self.size

    def numbers(self, slots: np.ndarray) -> np.ndarray:
        """The numbers of the rows in these slots."""
        newest = self.count - 1
        return newest - (newest - slots) % self.capacity

    def ends(self, slots: np.ndarray) -> np.ndarray:
        """`End` of these rows."""
        return self.flags.take(slots) & END_BITS

    def discarded(self, slots: np.ndarray) -> np.ndarray:
        """Whether these rows are discarded: their rewards and successors may not be read."""
        return self.ends(slots) == _DISCARDED

    # -- writing

    def append(self, steps: StepBatch, client: str) -> list[int]:
        """Write rows of a client into the next slots. The batch must not reach over the end of the ring, so that its
        slots are a slice. Returns the numbers of earlier rows that are followed by one of these."""
        slot = self.count % self.capacity
        self._make_room(slot, len(steps))
        self.count += len(steps)
        self.size = min(self.size + len(steps), self.capacity)
        self._write(slot, steps)
        return self._link(slot, steps, client)

    def _make_room(self, slot: int, rows: int) -> None:
        """Free the places in the pools of the rows that are about to be overwritten."""
        if self.size + rows <= self.capacity:
            return
        oldest = self.count + rows - self.capacity  # number of the oldest row that will be left
        while self._after_places and (number := next(iter(self._after_places))) < oldest:
            self._after.free(self._after_places.pop(number))
        for name, places in self.places.items():
            room = places[slot : slot + rows]
            for place in room[room >= 0].tolist():
                self._sparse[name].free(place)

    def _write(self, slot: int, steps: StepBatch) -> None:
        room = slice(slot, slot + len(steps))
        self._columns.write(slot, steps.columns)
        self.reward[room] = steps.columns[REWARD]
        if self.duration is not None:
            self.duration[room] = steps.columns[DURATION]
        for name, places in self.places.items():
            places[room] = -1
            column = steps.sparse.get(name)
            if column is not None and len(column.rows):
                places[slot + column.rows] = self._sparse[name].put({name: column.values}, len(column.rows))

    def _link(self, slot: int, steps: StepBatch, client: str) -> list[int]:
        """Set the links and flags of rows written from `slot` on. Returns the numbers of earlier rows that are followed
        by one of these."""
        rows = len(steps)
        # Within a segment each row follows the one before it. Only first and last rows are looked at one by one.
        self.flags[slot : slot + rows] = 0
        self.ahead[slot : slot + rows] = 1
        self.back[slot : slot + rows] = 1
        places = iter(self._after.put(steps.after, steps.after_rows))
        table = steps.segments.tolist()
        joins = [follows(*pair) for pair in pairwise(table)]
        followed: list[int] = []
        joined = False
        first = slot
        for segment, goes_on in zip(table, [*joins, False], strict=True):
            last = first + segment[ROWS] - 1
            if segment[END]:
                self.flags[last] = segment[END]
            self.has_discarded |= segment[END] == _DISCARDED
            if segment[START]:
                self.flags[first] |= START_FLAG
            if not joined:
                self.back[first] = self._join(first, segment, client, followed)
            if not goes_on:
                position = segment[POSITION] + segment[ROWS] - 1
                number = self.count - rows + (last - slot)
                self.ahead[last] = 0
                if segment[END] in (_GOES_ON, _TRUNCATED):
                    place = next(places)
                    self._after_places[number] = place
                    self.ahead[last] = -place - 1
                self._streams[client, segment[STREAM]] = Stream(position, number, segment[END])
            joined = goes_on
            first = last + 1
        return followed

    def _join(self, slot: int, segment: list[int], client: str, followed: list[int]) -> int:
        """Link the first row of a segment, in `slot`, with the newest row of its stream. Returns the distance between
        them, 0 at a start or a break."""
        stream = self._streams.get((client, segment[STREAM]))
        if stream is None or segment[START] or stream.end not in (_GOES_ON, _DISCARDED):
            return 0
        number = self.count - 1 - (self.count - 1 - slot) % self.capacity
        if stream.position + 1 != segment[POSITION] or stream.number < self.oldest:
            return 0
        distance = number - stream.number
        before = stream.number % self.capacity
        if stream.end == _GOES_ON:
            self._after.free(self._after_places.pop(stream.number))  # the new row has this observation, too
        self.ahead[before] = distance
        followed.append(stream.number)
        return distance

    def forget(self, present: Collection[str]) -> list[tuple[str, int]]:
        """No more rows will come, except of these clients. Returns the streams that are forgotten."""
        gone = [key for key in self._streams if key[0] not in present]
        for key in gone:
            del self._streams[key]
        return gone

    # -- reading

    def next_slots(self, slots: np.ndarray) -> np.ndarray:
        """Slots of the rows that follow; the row's own slot where none does."""
        return self.wrapped(slots + np.maximum(self.ahead.take(slots), 0))

    def wrapped(self, slots: np.ndarray) -> np.ndarray:
        """Slots below twice the capacity, brought back into the ring; a division would take several times as long. The
        array given may be changed."""
        slots -= self.capacity * (slots >= self.capacity)
        return slots

    def gather(self, slots: np.ndarray, names: Collection[str] | None = None) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of these columns, by default all but rewards and durations."""
        return self._columns.gather(slots, self.names if names is None else names)

    def after(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (n, *shape) of what followed these rows (n,), which is in the pool: their `ahead` is negative."""
        return self._after.gather(-self.ahead[slots] - 1, names)

    def following(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of what followed these rows. After a termination it has no meaning."""
        # One gather of all from the ring, then the few rows whose successor is not there are replaced from the pool.
        found = self.gather(self.next_slots(slots), names)
        pooled = np.flatnonzero(self.ahead[slots].ravel() < 0)
        if len(pooled):
            for name, rows in self.after(slots.ravel()[pooled], names).items():
                replace_rows(found[name], slots.ndim, pooled, rows)
        return found

    def sparse_column(self, name: str, slots: np.ndarray) -> Any:
        """(n, *shape) of a column that all these rows (n,) have."""
        return self._sparse[name].gather(self.places[name][slots], [name])[name]

    # -- saving and loading

    def in_order(self, column: np.ndarray) -> np.ndarray:
        """A copy of what there is for each row in an array by slot, the oldest row first."""
        oldest = self.oldest % self.capacity
        if oldest + self.size <= self.capacity:
            return column[oldest : oldest + self.size].copy()
        return np.concatenate([column[oldest : self.capacity], column[: oldest + self.size - self.capacity]])

    def slots_in_order(self) -> np.ndarray:
        """int64 (size,), the slots of all rows, the oldest first."""
        return np.arange(self.oldest, self.count) % self.capacity

    def save(self) -> Arrays:
        """What the rows themselves, appended again, do not tell."""
        streams = [(*key, stream.position, stream.number, stream.end) for key, stream in self._streams.items()]
        return {
            "streams": np.frombuffer(msgspec.json.encode(streams), np.uint8).copy(),
            "count": np.array([self.count, self.size]),
        }

    def load(self, saved: Arrays) -> None:
        """Take over what was saved, once the rows are there again."""
        self._streams = {
            (client, stream): Stream(position, number, end)
            for client, stream, position, number, end in msgspec.json.decode(saved["streams"].tobytes())
        }


def replace_rows(column: Any, dimensions: int, places: np.ndarray, rows: Any) -> None:
    """Overwrite in place some rows of a column whose first `dimensions` axes count rows; `places` (n,) are indices into
    these axes flattened."""
    flat = column.reshape(-1, *column.shape[dimensions:])
    flat[places if isinstance(column, np.ndarray) else places.tolist()] = rows
