"""A brute-force reader of steps: returns, stacks, sequences and advantages by loops over single rows.

It is written from the rules alone and shares no code with the sources. What is learned from must agree with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

GOES_ON, TERMINATED, TRUNCATED, DISCARDED = range(4)


@dataclass
class Row:
    """One step, and how it hangs together with the others.

    Attributes:
        values: name -> value of each column, and of the sparse ones that it has.
        after: name -> what followed the row, as its message says; None if the message does not.
        back, ahead: the rows before and after it in its episode, None at an end or a break.
        left: nothing that comes will follow it: its episode or its client is over, or what followed is missing.
    """

    client: str
    stream: int
    position: int
    iteration: int
    source: int
    start: bool
    end: int
    values: dict[str, Any]
    after: dict[str, Any] | None = None
    back: Row | None = None
    ahead: Row | None = None
    left: bool = False

    @property
    def over(self) -> bool:
        """The environment ended the episode here."""
        return self.end in (TERMINATED, TRUNCATED)


@dataclass
class Return:
    """An n-step return.

    Attributes:
        reward: sum of the rewards, each discounted by the steps before it.
        discount: of the value that is bootstrapped from; 0 after a termination.
        rewards: how many are in the sum.
        last: the row of the last one.
        following: name -> observation and mask that are bootstrapped from, None after a termination.
    """

    reward: float
    discount: float
    rewards: int
    last: Row
    following: dict[str, Any] | None

    @property
    def terminated(self) -> bool:
        return self.following is None


@dataclass
class Sequence:
    """Steps that a recurrent network is trained on.

    Attributes:
        rows: the steps that are there, at most as many as a whole one has.
        learned: the n-step return of each step that is learned from; None for the burn-in, for discarded rows, and
            where the return needs rows behind a whole sequence.
    """

    rows: list[Row]
    learned: list[Return | None]

    @property
    def begins(self) -> bool:
        """The first row begins an episode."""
        return self.rows[0].start


@dataclass
class Oracle:
    """Takes in messages in the order in which a node does, and remembers the newest `capacity` rows, or all of them;
    the first `lost` ones are forgotten in any case."""

    capacity: int | None = None
    lost: int = 0
    rows: list[Row] = field(default_factory=list)
    newest: dict[tuple[str, int], Row] = field(default_factory=dict)

    # -- taking in

    def take(self, steps: Any, client: str) -> None:
        """Take in a `StepBatch`."""
        row, entry = 0, 0
        table = [[int(number) for number in segment] for segment in steps.segments]
        for number, segment in enumerate(table):
            stream, position, count, iteration, source, start, end = segment
            for k in range(count):
                last = k == count - 1
                made = Row(
                    client, stream, position + k, iteration, source, bool(start) and k == 0, end if last else GOES_ON,
                    {name: column[row] for name, column in steps.columns.items()},
                )  # fmt: skip
                for name, column in steps.sparse.items():
                    for place, value in zip(column.rows, column.values, strict=True):
                        if place == row:
                            made.values[name] = value
                if last and _is_followed_elsewhere(segment, table[number + 1] if number + 1 < len(table) else None):
                    made.after = {name: kept[entry] for name, kept in steps.after.items()}
                    entry += 1
                self._append(made)
                row += 1
        assert row == len(steps.columns["reward"]) and all(len(kept) == entry for kept in steps.after.values())

    def _append(self, row: Row) -> None:
        before = self.newest.get((row.client, row.stream))
        if before is not None:
            if before.position + 1 == row.position and not row.start and not before.over:
                before.ahead, row.back = row, before
            else:
                before.left = True
        row.left = row.over
        self.newest[row.client, row.stream] = row
        self.rows.append(row)

    def forget(self, present: frozenset[str]) -> None:
        """Only these clients are still there."""
        for (client, stream), row in list(self.newest.items()):
            if client not in present:
                row.left = True
                del self.newest[client, stream]

    @property
    def remembered(self) -> list[Row]:
        """In the order in which they came."""
        return self.rows[self.oldest :]

    @property
    def oldest(self) -> int:
        """The number of the oldest row that is remembered, counted from 0."""
        return self.lost if self.capacity is None else max(self.lost, len(self.rows) - self.capacity)

    # -- reading

    def returned(self, row: Row, n: int, gamma: float, limit: int | None = None) -> Return | None:
        """The return of a row, of at most n rewards (and at most `limit`), None for one that may not be learned
        from."""
        if row.end == DISCARDED:
            return None
        reward, discount, count = 0.0, 1.0, 0
        most = n if limit is None else min(n, limit)
        while True:
            reward += discount * float(row.values["reward"])
            discount *= gamma ** float(row.values.get("duration", 1.0))
            count += 1
            if row.end == TERMINATED:
                return Return(reward, 0.0, count, row, None)
            if row.ahead is None or row.ahead.end == DISCARDED or count == most:
                return Return(reward, discount, count, row, following(row))
            row = row.ahead

    def stack(self, row: Row, frames: int, name: str) -> list[Any] | None:
        """The last frames up to a row, the newest last, None if they are not all there. The first frame of an episode
        stands for those before it."""
        remembered = {id(kept) for kept in self.remembered}
        found = [row.values[name]]
        while len(found) < frames:
            if not row.start:
                if row.back is None or id(row.back) not in remembered:
                    return None
                row = row.back
            found.insert(0, row.values[name])
        return found

    def stack_after(self, row: Row, frames: int, name: str) -> list[Any]:
        """The same up to the observation that followed a row, whose own stack is there."""
        before = self.stack(row, frames - 1, name) if frames > 1 else []
        assert before is not None
        return [*before, following(row)[name]]

    def can_be_drawn(self, row: Row, whole: int, n: int, state: str, frames: int = 1) -> bool:
        """Whether a sequence of `whole` steps, or one that is shorter since nothing follows, begins with a row, has
        something to learn from, and is not a part of the sequence that begins before it.

        Args:
            frames: stacked in an observation.
        """
        if not _begins(row, state, frames):
            return False
        rows = _run(row, whole)
        complete = len(rows) == whole or rows[-1].left
        earlier = row.back
        while earlier is not None and not _begins(earlier, state, frames):
            earlier = earlier.back
        covered = earlier is not None and _reaches_the_end(earlier, whole)
        return complete and not covered and any(self._known(rows, whole, n, 1.0))

    def sequence(self, row: Row, whole: int, burn_in: int, n: int, gamma: float) -> Sequence:
        """The sequence of at most `whole` steps that begins with a row."""
        rows = _run(row, whole)
        returns = self._known(rows, whole, n, gamma)
        known = [i for i, read in enumerate(returns) if read is not None]
        burnt = 0 if row.start or not known else min(burn_in, known[-1])
        return Sequence(rows, [read if i >= burnt else None for i, read in enumerate(returns)])

    def _known(self, rows: list[Row], whole: int, n: int, gamma: float) -> list[Return | None]:
        """The returns within a sequence, None where more rewards belong to one than the sequence has."""
        returns = [self.returned(step, n, gamma, limit=whole - i) for i, step in enumerate(rows)]
        for i, read in enumerate(returns):
            cut = len(rows) == whole and not rows[-1].over
            if read is not None and cut and read.rewards < n and read.last is rows[-1]:
                returns[i] = None
        return returns


def _run(row: Row, most: int) -> list[Row]:
    """A row and those that follow it."""
    rows = [row]
    while len(rows) < most and rows[-1].ahead is not None:
        rows.append(rows[-1].ahead)
    return rows


def _begins(row: Row, state: str, frames: int) -> bool:
    """Whether a sequence may begin with a row: the state before it and the frames of its stack were there. Whether the
    frames are still remembered is another question."""
    if row.start:
        return True
    if state not in row.values:
        return False
    for _ in range(frames - 1):
        if row.back is None:
            return False
        row = row.back
        if row.start:
            break
    return True


def _reaches_the_end(row: Row, whole: int) -> bool:
    """Whether the sequence that begins with a row has all rows up to an end or a break, and learns from the last ones.
    A whole one that reaches a break does not: their returns need what followed it."""
    rows = _run(row, whole)
    return rows[-1].left and (len(rows) < whole or rows[-1].over)


def following(row: Row) -> dict[str, Any]:
    """What followed a row that did not terminate: the next row's observation and mask, else what its message says."""
    if row.ahead is not None:
        return row.ahead.values
    assert row.after is not None
    return row.after


def advantages(
    rollout: list[Row], value: Callable[[dict[str, Any]], float], gamma: float, gae_lambda: float
) -> list[float | None]:
    """Generalized advantages (Schulman et al. 2016, equation 16) of the rows of a rollout, None for those that may not
    be learned from. `value` gives the value of an observation. The sum ends at an end, a break, before a discarded row
    and with the rollout; but for a termination it is bootstrapped there."""
    inside = {id(row) for row in rollout}

    def advantage(row: Row) -> float:
        factor = gamma ** float(row.values.get("duration", 1.0))
        error = float(row.values["reward"]) - value(row.values)
        if row.end == TERMINATED:
            return error
        error += factor * value(following(row))
        if row.ahead is None or row.ahead.end == DISCARDED or id(row.ahead) not in inside:
            return error
        return error + factor * gae_lambda * advantage(row.ahead)

    return [None if row.end == DISCARDED else advantage(row) for row in rollout]


def _is_followed_elsewhere(segment: list[int], following: list[int] | None) -> bool:
    """Whether a message has what followed the last row of a segment in its `after`."""
    stream, position, count, _, _, _, end = segment
    if end == TRUNCATED:
        return True
    if end != GOES_ON:
        return False
    if following is None:
        return True
    return following[0] != stream or following[1] != position + count or following[5] == 1
