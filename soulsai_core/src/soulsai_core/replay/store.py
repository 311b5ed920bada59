"""The one storage of steps: a ring of rows that knows which rows follow each other. All ways of reading share it."""

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

START_FLAG = 4
END_BITS = 3
_GOES_ON = int(End.GOES_ON)
_TRUNCATED = int(End.TRUNCATED)
_DISCARDED = int(End.DISCARDED)
"""As plain numbers, since to read a member of an enumeration takes as long as the rest of a row."""
_META = ("flags", "ahead", "back")


@dataclass(slots=True)
class Stream:
    """What is known of the newest row of one client's environment: its position there, its number, and its end."""

    position: int
    number: int
    end: int


class StepStore:
    """A ring of rows. Row number i, counted from 0, lies in slot i modulo the capacity.

    Links between rows are distances in numbers, which the store computes itself from the positions that clients give:
    a wrong position can only make a break.

    Args:
        capacity: rows kept; the oldest are overwritten.
        columns: name -> spec of one row, as it is kept; "reward" is among them.
        observed: names of those that `StepBatch.after` has, too.
        device: where they lie as tensors, rewards and durations aside; None: in main memory.

    Attributes:
        count: rows appended so far: the number of the next one.
        size: rows that are there.
        ahead: int32 (capacity,), distance to the row that follows, 0 if none does, -(place + 1) where only its
            observation is there, in the pool.
        back: int32 (capacity,), distance to the row before, 0 if none is known.
        has_discarded: there may be discarded rows; to ask for each row costs a tenth of a draw.
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
        self._beside: dict[int, int] = {}  # number of a row -> place in `_after`, in the order of numbers
        self._streams: dict[tuple[str, int], Stream] = {}
        self.has_discarded = False

    @property
    def bytes(self) -> int:
        """Memory that it takes once it is full."""
        own = sum(array.nbytes for array in (*self._own().values(), *self.places.values()))
        beside = self._after.bytes + sum(pool.bytes for pool in self._sparse.values())
        return self._columns.bytes + own + beside

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
        """Whether the rewards and successors of these rows may not be read."""
        return self.ends(slots) == _DISCARDED

    # -- writing

    def append(self, steps: StepBatch, client: str) -> list[int]:
        """Write rows of a client into the slots that follow; the batch does not reach over the end of the ring. Returns
        the numbers of rows written earlier that are followed by one of these."""
        first = self.count
        slot = first % self.capacity
        self._make_room(slot, len(steps))
        self.count += len(steps)
        self.size = min(self.size + len(steps), self.capacity)
        self._write(slot, steps)
        return self._link(slot, steps, client)

    def _make_room(self, slot: int, rows: int) -> None:
        """Free what the rows that are about to be overwritten have beside the ring."""
        if self.size + rows <= self.capacity:
            return
        lost = self.count + rows - self.capacity
        while self._beside and (number := next(iter(self._beside))) < lost:
            self._after.free(self._beside.pop(number))
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
        rows = len(steps)
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
                    self._beside[number] = place = next(places)
                    self.ahead[last] = -place - 1
                self._streams[client, segment[STREAM]] = Stream(position, number, segment[END])
            joined = goes_on
            first = last + 1
        return followed

    def _join(self, slot: int, segment: list[int], client: str, followed: list[int]) -> int:
        """Connect the first row of a segment, in `slot`, with the newest one of its stream; the distance, 0 for a
        break."""
        stream = self._streams.get((client, segment[STREAM]))
        if stream is None or segment[START] or stream.end not in (_GOES_ON, _DISCARDED):
            return 0
        number = self.count - 1 - (self.count - 1 - slot) % self.capacity
        if stream.position + 1 != segment[POSITION] or stream.number < self.oldest:
            return 0
        distance = number - stream.number
        before = stream.number % self.capacity
        if stream.end == _GOES_ON:
            self._after.free(self._beside.pop(stream.number))
        self.ahead[before] = distance
        followed.append(stream.number)
        return distance

    def forget(self, present: Collection[str]) -> list[tuple[str, int]]:
        """No more rows of other clients than these will follow. Returns the streams that are forgotten."""
        gone = [key for key in self._streams if key[0] not in present]
        for key in gone:
            del self._streams[key]
        return gone

    # -- reading

    def next_slots(self, slots: np.ndarray) -> np.ndarray:
        """Where the rows that follow lie; the rows themselves where none does."""
        return self.wrapped(slots + np.maximum(self.ahead.take(slots), 0))

    def wrapped(self, slots: np.ndarray) -> np.ndarray:
        """Slots at most one capacity behind the ring, brought back into it; a division would take several times as
        long. It may change what it is given."""
        slots -= self.capacity * (slots >= self.capacity)
        return slots

    def gather(self, slots: np.ndarray, names: Collection[str] | None = None) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of these columns, by default all but rewards and durations."""
        return self._columns.gather(slots, self.names if names is None else names)

    def after(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (n, *shape) that followed these rows (n,), whose `ahead` is negative."""
        return self._after.gather(-self.ahead[slots] - 1, names)

    def following(self, slots: np.ndarray, names: Collection[str]) -> dict[str, Any]:
        """name -> (*slots.shape, *shape) of what followed these rows. After a termination it has no meaning."""
        found = self.gather(self.next_slots(slots), names)
        beside = np.flatnonzero(self.ahead[slots].ravel() < 0)
        if len(beside):
            for name, rows in self.after(slots.ravel()[beside], names).items():
                replace_rows(found[name], slots.ndim, beside, rows)
        return found

    def sparse_column(self, name: str, slots: np.ndarray) -> Any:
        """(n, *shape) of a column that all these rows (n,) have."""
        return self._sparse[name].gather(self.places[name][slots], [name])[name]

    # -- keeping

    def save(self) -> Arrays:
        """All rows, the oldest first, and what belongs to them."""
        slots = np.arange(self.oldest, self.count) % self.capacity
        saved = {f"rows.{name}": column for name, column in self._columns.arrays(slots).items()}
        saved |= {f"rows.{name}": column[slots] for name, column in self._own().items()}
        beside = slots[self.ahead[slots] < 0]
        saved |= {f"after.{n}": a for n, a in self._after.arrays(-self.ahead[beside] - 1).items()}
        for name, places in self.places.items():
            there = np.flatnonzero(places[slots] >= 0)
            saved[f"sparse.{name}"] = self._sparse[name].arrays(places[slots[there]])[name]
            saved[f"sparse_rows.{name}"] = there
        streams = [(*key, stream.position, stream.number, stream.end) for key, stream in self._streams.items()]
        saved["streams"] = np.frombuffer(msgspec.json.encode(streams), np.uint8).copy()
        saved["count"] = np.array([self.count])
        return saved

    def _own(self) -> Arrays:
        own = {name: getattr(self, name) for name in (*_META, REWARD)}
        return own if self.duration is None else {**own, DURATION: self.duration}

    def load(self, saved: Arrays) -> None:
        """Replace the content by what was saved; of more rows than the capacity the newest are kept. Raises KeyError or
        ValueError if it does not fit."""
        for name, spec in self.specs.items():
            if saved[f"rows.{name}"].shape[1:] != spec.shape or saved[f"rows.{name}"].dtype != np.dtype(spec.dtype):
                raise ValueError(f"{name} is kept in another form")
        rows = len(saved["rows.reward"])
        left_out = max(rows - self.capacity, 0)
        self.count = int(saved["count"][0])
        self.size = rows - left_out
        slots = np.arange(self.oldest, self.count) % self.capacity
        self._columns.put(slots, {name: saved[f"rows.{name}"][left_out:] for name in self.names})
        for name, column in self._own().items():
            column[slots] = saved[f"rows.{name}"][left_out:]
        self.has_discarded = bool(self.discarded(slots).any())
        self._load_beside(saved, slots, left_out)
        self._streams = {
            (client, stream): Stream(position, number, end)
            for client, stream, position, number, end in msgspec.json.decode(saved["streams"].tobytes())
        }

    def _load_beside(self, saved: Arrays, slots: np.ndarray, left_out: int) -> None:
        ahead = saved["rows.ahead"]
        beside = slots[ahead[left_out:] < 0]
        gone = int((ahead[:left_out] < 0).sum())
        after = {name: saved[f"after.{name}"][gone:] for name in self.observed}
        kept_in = self._after.put(after, len(beside))
        self._beside = dict(zip(self.numbers(beside).tolist(), kept_in, strict=True))
        self.ahead[beside] = -np.array(kept_in, np.int32) - 1
        for name, places in self.places.items():
            places[:] = -1
            kept = saved[f"sparse_rows.{name}"] >= left_out
            there = saved[f"sparse_rows.{name}"][kept] - left_out
            places[slots[there]] = self._sparse[name].put({name: saved[f"sparse.{name}"][kept]}, len(there))


def replace_rows(column: Any, dimensions: int, places: np.ndarray, rows: Any) -> None:
    """Overwrite rows at flat `places` (n,) of a column whose first axes are `dimensions` axes of rows."""
    flat = column.reshape(-1, *column.shape[dimensions:])
    flat[places if isinstance(column, np.ndarray) else places.tolist()] = rows
