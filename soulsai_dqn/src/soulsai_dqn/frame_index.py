"""Which rows of a ring follow each other, where each row has one frame of an image and a stack needs several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from soulsai_core import Arrays


@dataclass(slots=True)
class Stream:
    """What is known of the rows of one client's environment.

    Attributes:
        number: the newest row's number in the stream; `written`: the same in the order of writing.
        depth: frames of its episode that lie before it in the ring without a gap.
        waiting: (number of the row that is bootstrapped from, `written` of the row that waits for it).
    """

    number: int = -2  # no row follows it
    written: int = -1
    depth: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)


class FrameIndex:
    """Finds the frames of a row's stack, and the row that it is bootstrapped from.

    Neighbours are kept as distances in the order of writing, which stay the same wherever the ring begins. A row has
    `age`, the frames of its episode before it (cut to what a stack needs); where the ring has fewer, because a message
    was rejected or they were overwritten, its stack cannot be built.

    Args:
        capacity: slots of the ring.
        stack: frames in a stack.

    Attributes:
        back: int32 (capacity,), rows written since the frame before, 0 where the episode begins.
        ahead: int32 (capacity,), rows written up to the one that is bootstrapped from, 0 if there is none.
    """

    def __init__(self, capacity: int, stack: int) -> None:
        self._capacity, self._stack = capacity, stack
        self.back, self.ahead = np.zeros(capacity, np.int32), np.zeros(capacity, np.int32)
        self._fore = np.zeros(capacity, np.int32)
        self._streams: dict[tuple[str, int], Stream] = {}

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.back.nbytes + self.ahead.nbytes + self._fore.nbytes

    def stacks(self, slots: np.ndarray) -> np.ndarray:
        """Slots of the frames (*slots.shape, stack), the oldest first; an episode's first frame fills its first stacks
        (as gymnasium's FrameStackObservation does)."""
        frames = np.empty((*slots.shape, self._stack), np.int64)
        for k in reversed(range(self._stack)):
            frames[..., k] = slots
            slots = (slots - self.back[slots]) % self._capacity
        return frames

    def following(self, slots: np.ndarray) -> np.ndarray:
        """Slots of the rows that these are bootstrapped from; themselves, if there are none."""
        return (slots + self.ahead[slots]) % self._capacity

    def dependents(self, slots: np.ndarray) -> np.ndarray:
        """Slots of the rows that have one of these in their stack, but they themselves."""
        found = []
        for _ in range(self._stack - 1):
            slots = slots[self._fore[slots] > 0]
            slots = (slots + self._fore[slots]) % self._capacity
            found.append(slots)
        return np.concatenate([np.zeros(0, np.int64), *found])

    def enter(self, rows: Arrays, client: str, slots: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        """Take in rows of a client that are written to these slots; the first is number `first` in the order of
        writing.

        Returns bool (n,), which of them can be drawn, and the slots of older rows that can be drawn from now on.
        """
        usable, late = np.zeros(len(slots), np.bool_), [np.zeros(0, np.int64)]
        self._fore[slots] = 0
        for env in np.unique(rows["env"]).tolist():
            at = np.flatnonzero(rows["env"] == env)
            stream = self._streams.setdefault((client, env), Stream())
            piece = _Piece(rows, at, slots, first, self._capacity)
            whole = self._link(piece, stream)
            late.append(self._resolve(piece, stream, whole))
            usable[at] = self._look_ahead(piece, stream, whole)
        return usable, np.concatenate(late)

    def _link(self, piece: _Piece, stream: Stream) -> np.ndarray:
        """Connect each row with the one before; returns bool (n,), whose stacks are whole."""
        numbers, written, age = piece.numbers, piece.written, piece.age
        before = np.concatenate([[stream.number], numbers[:-1]])
        before_written = np.concatenate([[stream.written], written[:-1]])
        linked = (numbers == before + 1) & (age > 0) & (before_written >= piece.oldest)
        back = np.where(linked, written - before_written, 0)
        self.back[piece.slots] = back
        self._fore[piece.slot_of(before_written[linked])] = back[linked]
        order = np.arange(len(numbers))
        begin = np.maximum.accumulate(np.where(linked, -1, order))
        depth = np.where(begin < 0, order + 1 + stream.depth, order - begin)
        stream.number, stream.written = int(numbers[-1]), int(written[-1])
        stream.depth = min(int(depth[-1]), self._stack)
        return (depth >= age) & self._intact(written, piece.slots, piece.oldest)

    def _resolve(self, piece: _Piece, stream: Stream, whole: np.ndarray) -> np.ndarray:
        """Slots of the rows that had waited for some of these."""
        if not stream.waiting:
            return np.zeros(0, np.int64)
        targets, waiting = np.array(stream.waiting).T
        there, place = piece.find(targets)
        found = np.flatnonzero(there & (waiting >= piece.oldest))
        slots = piece.slot_of(waiting[found])
        self.ahead[slots] = piece.written[place[found]] - waiting[found]
        stream.waiting = [pair for pair in stream.waiting if pair[0] > stream.number]
        return slots[whole[place[found]] & self._intact(waiting[found], slots, piece.oldest)]

    def _intact(self, written: np.ndarray, slots: np.ndarray, oldest: int) -> np.ndarray:
        """Whether none of their frames were overwritten."""
        for _ in range(self._stack - 1):
            back = np.where(written >= oldest, self.back[slots], 0)
            written, slots = written - back, (slots - back) % self._capacity
        return written >= oldest

    def _look_ahead(self, piece: _Piece, stream: Stream, whole: np.ndarray) -> np.ndarray:
        """Find the rows that are bootstrapped from; returns bool (n,), which rows can be drawn already."""
        targets = piece.numbers + piece.span
        there, place = piece.find(targets)
        ahead = piece.written[place] - piece.written
        there &= (piece.span > 0) & (ahead > 0)
        self.ahead[piece.slots] = np.where(there, ahead, 0)
        waits = whole & (piece.span > 0) & (targets > stream.number)
        stream.waiting += zip(targets[waits].tolist(), piece.written[waits].tolist(), strict=True)
        return whole & np.where(piece.span > 0, there & whole[place], piece.final)

    def forget(self, present: frozenset[str]) -> None:
        """No more rows of other clients than these will follow."""
        self._streams = {key: stream for key, stream in self._streams.items() if key[0] in present}

    def restore(self, back: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """Begin with rows in the first slots that have these distances; returns bool (n,), False where a row has lost
        frames of its stack, because older ones were left out."""
        count = len(back)
        slots = np.arange(count)
        lost = back > slots
        self.back[:count], self.ahead[:count] = np.where(lost, 0, back), ahead
        self._fore[:] = 0
        linked = np.flatnonzero(self.back[:count])
        self._fore[linked - back[linked]] = back[linked]
        whole = np.ones(count, np.bool_)
        for _ in range(self._stack - 1):
            whole &= ~lost[slots]
            slots = slots - self.back[slots]
        return whole

    def save(self, count: int) -> np.ndarray:
        """The streams as JSON in bytes; `written` as the distance from the next row, which is number `count`."""
        return np.frombuffer(msgspec.json.encode(list(self._saved(count))), np.uint8).copy()

    def _saved(self, count: int) -> Iterator[Any]:
        for (client, env), s in self._streams.items():
            waiting = [(target, count - written) for target, written in s.waiting]
            yield client, env, s.number, count - s.written, s.depth, waiting

    def load(self, saved: np.ndarray, count: int) -> None:
        """Go on with streams that were saved, where the next row is number `count`. Raises ValueError."""
        kind = list[tuple[str, int, int, int, int, list[tuple[int, int]]]]
        self._streams = {
            (client, env): Stream(number, count - ago, depth, [(target, count - past) for target, past in waiting])
            for client, env, number, ago, depth, waiting in msgspec.json.decode(saved.tobytes(), type=kind)
        }


class _Piece:
    """The rows of one stream in a message."""

    def __init__(self, rows: Arrays, at: np.ndarray, slots: np.ndarray, first: int, capacity: int) -> None:
        self.numbers, self.age, self.span = (rows[name][at].astype(np.int64) for name in ("number", "age", "span"))
        self.final = rows["discount"][at] == 0
        self.slots, self.written = slots[at], first + at
        self.oldest = first + len(slots) - capacity
        self._shift, self._capacity = int(slots[0]) - first, capacity

    def slot_of(self, written: np.ndarray) -> np.ndarray:
        """Slots of rows by their number in the order of writing."""
        return (written + self._shift) % self._capacity

    def find(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether rows of these numbers are here, and where."""
        place = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        return self.numbers[place] == numbers, place
