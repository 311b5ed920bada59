"""A replay and the oracle with the same events, and what they must agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from histories import Kind, Message, Present, number_of_image, observed_names, specs
from oracle import DISCARDED, Oracle, Return, Row, following

from soulsai_core.replay import Replay


class Both:
    """Gives the events of histories to a replay and to the oracle. `append_gamma` is the discount of first errors."""

    def __init__(self, kind: Kind, capacity: int, append_gamma: float = 1.0, **options: Any) -> None:
        self.kind = kind
        self.options = options
        self._gamma = append_gamma
        self.oracle = Oracle(capacity)
        self._heard: list[Message | Present] = []
        self.replay = self._make(capacity)

    def _make(self, capacity: int) -> Replay:
        kept = {name: spec for name, spec in specs(self.kind).items() if name not in ("value", "best")}
        return Replay(capacity, kept, observed_names(self.kind), **self.options)

    def hear(self, event: Message | Present) -> None:
        """Give an event to both."""
        self._heard.append(event)
        if isinstance(event, Present):
            self.oracle.forget(event.clients)
            self.replay.forget(event.clients)
        else:
            rows = len(event.steps)  # of more than the capacity the first are not written, and get no numbers
            self.oracle.take(event.steps.part(rows - self.replay.capacity, rows), event.client)
            self.replay.append(event.steps, event.client, self._gamma)

    def move(self, capacity: int) -> None:
        """Save the replay, load it into another one of this capacity, and append the rows again that it asks for."""
        saved = self.replay.save()
        self.oracle.lost = self.oracle.oldest
        self.oracle.capacity = capacity
        before = self.replay
        self.replay = self._make(capacity)
        self.replay.load(saved)
        skipped = sum(len(event.steps) for event in self._heard if isinstance(event, Message)) - self.replay.reach
        for event in self._heard:
            if isinstance(event, Message):
                # As the journal does: gamma may be another one by now.
                self.replay.append(event.steps.part(skipped, len(event.steps)), event.client, self._gamma / 2)
                skipped = max(skipped - len(event.steps), 0)
            elif not skipped:
                self.replay.forget(event.clients)
        self.replay.restored(complete=True)
        if capacity == before.capacity:
            assert_identical(contents(before), contents(self.replay))

    @property
    def by_slot(self) -> dict[int, Row]:
        """Slot -> row, of all rows that are still stored. The slot is the row's number modulo the capacity."""
        rows = self.oracle.rows
        oldest = self.oracle.oldest
        capacity = self.replay.capacity
        return {number % capacity: rows[number] for number in range(oldest, len(rows))}

    def assert_drawable(self, wanted: Callable[[Row], bool]) -> dict[int, Row]:
        """Exactly the rows for which `wanted` is true can be drawn. Returns slot -> row."""
        rows = self.by_slot
        assert self.replay.rows == len(rows)
        expected = {slot: row for slot, row in rows.items() if wanted(row)}
        slots = self.replay.drawable()
        assert sorted(slots.tolist()) == sorted(expected)
        assert len(self.replay) == len(expected)
        return {slot: expected[slot] for slot in slots.tolist()}


def contents(replay: Replay) -> dict[str, Any]:
    """All that a replay knows of its rows, the oldest first. Places in pools have no meaning of their own."""
    store = replay._store
    slots = store.slots_in_order()
    numbers = store.numbers(slots)
    ahead = store.ahead[slots]
    back = store.back[slots]
    found: dict[str, Any] = {
        "count": (store.count, store.size, len(replay), replay.drawable().tolist()),
        "streams": sorted((key, one.position, one.number, one.end) for key, one in store._streams.items()),
        "reward": store.reward[slots],
        "flags": store.flags[slots],
        "ahead": np.maximum(ahead, -1),
        "back": np.where(numbers - back >= store.oldest, back, 0),  # others lead to rows that are overwritten
        "usable": replay._reader.usable[slots],
    }
    if store.duration is not None:
        found["duration"] = store.duration[slots]
    for name, column in store.gather(slots, store.names).items():
        found[f"column {name}"] = np.asarray(column)
    for name, column in store.after(slots[ahead < 0], store.observed).items():
        found[f"after {name}"] = np.asarray(column)
    for name, places in store.places.items():
        there = places[slots] >= 0
        found[f"sparse {name}"] = (there, np.asarray(store.sparse_column(name, slots[there])))
    chains = getattr(replay._reader, "_chains", {})
    found["chains"] = sorted((key, c.following, c.unstacked, c.rows, list(c.begun)) for key, c in chains.items())
    stacks = getattr(replay._reader, "stacks", getattr(replay._reader, "_stacks", None))
    if stacks is not None:
        found["depth"] = stacks.depth[slots]
    priorities = replay._priorities
    if priorities is not None:
        found["nodes"] = priorities.tree._nodes
        found["errors"] = (priorities.errors[slots], priorities._values[slots])
        found["largest"] = (priorities.largest, priorities._error_seen)
    return found


def assert_identical(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_equal(other[name], value, err_msg=name)


def learnable(row: Row) -> bool:
    return row.end != DISCARDED


def assert_transitions(both: Both, n: int, gamma: float, stack: int | None = None) -> None:
    """Exactly what the oracle reads can be drawn, with the same values."""
    oracle = both.oracle
    kind = both.kind
    expected = both.assert_drawable(
        lambda row: learnable(row) and (stack is None or oracle.stack(row, stack, "image") is not None)
    )
    if not expected:
        return
    columns = both.replay.read(np.array([list(expected)]), n_step=n, gamma=gamma)
    columns = {name: np.asarray(column) for name, column in columns.items()}
    for name, spec in specs(kind).items():
        assert name in ("value", "best", "state") or columns[name].dtype == np.dtype(spec.dtype)
    for place, row in enumerate(expected.values()):
        made = {name: column[0, place] for name, column in columns.items()}
        read = oracle.returned(row, n, gamma)
        assert read is not None
        _assert_transition(oracle, row, made, read, stack)


def _assert_transition(oracle: Oracle, row: Row, made: dict[str, Any], read: Return, stack: int | None) -> None:
    np.testing.assert_allclose(made["reward"], read.reward, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made["discount"], read.discount, rtol=1e-5)
    singles = [name for name in row.values if name not in ("reward", "state", "value", "best")]
    if stack is not None:
        singles.remove("image")
        images = oracle.stack(row, stack, "image")
        assert images is not None
        assert frames(made["image"]) == [number_of_image(frame[0]) for frame in images]
    for name in singles:
        np.testing.assert_array_equal(made[name], row.values[name])
    if read.following is None:
        assert made["discount"] == 0
        return
    for name in ("observation", "image", "mask"):
        if name in singles:
            np.testing.assert_array_equal(made[f"next_{name}"], read.following[name])
    if stack is not None:
        after = oracle.stack_after(read.last, stack, "image")
        assert frames(made["next_image"]) == [number_of_image(frame[0]) for frame in after]
        assert number_of_image(after[-1][0]) == int(following(read.last)["observation"][0])


def frames(stack: Any) -> list[int]:
    """Numbers of the frames (stack, 2, 2)."""
    return [number_of_image(frame) for frame in stack]
