"""What happens to clients, and the messages that they send: for the tests of everything that reads steps.

A history is a list of events. Each observation has a number of its own, from which all other values follow, so that
any mistake shows as a wrong number. Messages are built here by loops over single rows, independently of the sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from soulsai_core.messages import ArraySpec, Discrete, EnvSpec
from soulsai_core.steps import Closed, Sparse, StepBatch

GOES_ON, TERMINATED, TRUNCATED, DISCARDED = range(4)
LATE_END = "late end"  # the step was late, and the episode is over
UNFIT = "unfit"  # what followed was left out, since it did not fit
RESET = "reset"  # the step only reset the environment and is no row
ACTIONS = 3
WIDTH = 2


class Kind(NamedTuple):
    """Which columns rows have; `stored`: a recurrent state with each row whose number is a multiple of it."""

    masked: bool = False
    timed: bool = False
    image: bool = False
    stored: int = 0
    valued: bool = False


@dataclass(frozen=True)
class Made:
    """One row as its client made it: `number` was observed, `followed` was observed after the action."""

    stream: int
    position: int
    number: int
    followed: int
    start: bool = False
    end: int = GOES_ON
    iteration: int = 0
    source: int = 0


@dataclass(frozen=True)
class Message:
    """Rows in the order of time, and the batch that is sent."""

    client: str
    rows: list[Made]
    steps: StepBatch


class Present(NamedTuple):
    """The node noticed that only these clients are connected."""

    clients: frozenset[str]


# -- from numbers to columns


def reward_of(number: int) -> float:
    return float(number * 7 % 11 - 5)


def duration_of(number: int) -> float:
    return (number % 4 + 1) / 2


def mask_of(number: int) -> list[bool]:
    return [(number >> bit) % 2 == 1 or bit == number % ACTIONS for bit in range(ACTIONS)]


def state_of(number: int) -> list[float]:
    return [float(number), -float(number), 0.5, number / 2]


def image_of(number: int) -> list[list[list[int]]]:
    return [[[number % 256, number // 256], [1, 2]]]


def number_of(observation: Any) -> int:
    """The number of a row (2,) of "observation"."""
    assert observation[1] == -observation[0]
    return int(observation[0])


def number_of_image(image: Any) -> int:
    """The number of a frame (2, 2)."""
    assert image[1][0] == 1 and image[1][1] == 2
    return int(image[0][0]) + 256 * int(image[0][1])


def specs(kind: Kind) -> dict[str, ArraySpec]:
    """The columns of all rows."""
    columns = {
        "observation": ArraySpec((2,), "float32"),
        "action": ArraySpec((), "uint8", 0, ACTIONS - 1),
        "reward": ArraySpec((), "float32"),
    }
    if kind.image:
        columns["image"] = ArraySpec((1, 2, 2), "uint8")
    if kind.masked:
        columns["mask"] = ArraySpec((ACTIONS,), "bool")
    if kind.timed:
        columns["duration"] = ArraySpec((), "float32", 0.0)
    if kind.stored:
        columns["state"] = ArraySpec((2 * WIDTH,), "float32", sparse=True)
    if kind.valued:
        columns |= {name: ArraySpec((), "float32") for name in ("value", "best")}
    return columns


def env_spec(kind: Kind) -> EnvSpec:
    names = ("observation", "image")
    observed = {name: spec for name, spec in specs(kind).items() if name in names}
    return EnvSpec("numbers", observed, Discrete(ACTIONS), masked=kind.masked, timed=kind.timed)


def observed_names(kind: Kind) -> list[str]:
    """The columns that `StepBatch.after` has, too."""
    return [name for name in ("observation", "image", "mask") if name in specs(kind)]


def values_of(number: int) -> dict[str, Any]:
    """The values of a row with this number."""
    return {
        "observation": [float(number), -float(number)],
        "image": image_of(number),
        "mask": mask_of(number),
        "action": number % ACTIONS,
        "reward": reward_of(number),
        "duration": duration_of(number),
        "value": number / 8,
        "best": number / 4,
    }


def _column(name: str, spec: ArraySpec, numbers: Sequence[int]) -> np.ndarray:
    rows = [values_of(number)[name] for number in numbers]
    return np.array(rows, spec.dtype).reshape(len(rows), *spec.shape)


# -- from rows to a message


def build(rows: list[Made], kind: Kind, closed: Closed | None = None) -> StepBatch:
    """The message with these rows, which are in the order of time within each stream."""
    ordered = [row for stream in sorted({row.stream for row in rows}) for row in rows if row.stream == stream]
    segments: list[list[int]] = []
    followed: list[int] = []
    for i, row in enumerate(ordered):
        before = ordered[i - 1] if i else None
        if before is not None and _together(before, row):
            segments[-1][2] += 1
            segments[-1][6] = row.end
        else:
            segments.append([row.stream, row.position, 1, row.iteration, row.source, int(row.start), row.end])
        following = ordered[i + 1] if i + 1 < len(ordered) else None
        if row.end == TRUNCATED or (row.end == GOES_ON and not (following is not None and _leads_to(row, following))):
            followed.append(row.followed)
    columns = {n: _column(n, s, [row.number for row in ordered]) for n, s in specs(kind).items() if not s.sparse}
    after = {name: _column(name, specs(kind)[name], followed) for name in observed_names(kind)}
    table = np.array(segments, np.int64).reshape(-1, 7)
    return StepBatch(table, columns, after, _sparse(ordered, kind), closed)


def _sparse(rows: list[Made], kind: Kind) -> dict[str, Sparse]:
    if not kind.stored:
        return {}
    there = [i for i, row in enumerate(rows) if row.number % kind.stored == 0]
    values = [state_of(rows[i].number) for i in there]
    return {"state": Sparse(np.array(there, np.int64), np.array(values, np.float32).reshape(-1, 2 * WIDTH))}


def _leads_to(row: Made, following: Made) -> bool:
    together = row.stream == following.stream and row.position + 1 == following.position
    return together and not following.start and row.end in (GOES_ON, DISCARDED)


def _together(row: Made, following: Made) -> bool:
    """Whether both belong to one segment."""
    same = row.iteration == following.iteration and row.source == following.source
    return same and row.end == GOES_ON and _leads_to(row, following)


# -- what happens


@dataclass
class Player:
    """A client's process with two environments."""

    client: str
    observes: list[int]
    positions: list[int] = field(default_factory=lambda: [0, 0])
    starts: list[bool] = field(default_factory=lambda: [True, True])
    iteration: int = 0
    source: int = 0
    waiting: list[Made] = field(default_factory=list)


class World:
    """Clients that play, and what the node receives from them."""

    def __init__(self, kind: Kind, clients: int) -> None:
        self.kind = kind
        self._count = 0
        self._processes = 0
        self._players = [self._player() for _ in range(clients)]

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _player(self) -> Player:
        self._processes += 1
        return Player(f"client {self._processes}", [self._number(), self._number()])

    def play(self, moves: list[tuple[Any, ...]]) -> Iterator[Message | Present]:
        for what, which, *how in moves:
            which %= len(self._players)
            yield from getattr(self, f"_{what}")(which, *how)

    def _nothing(self, _which: int) -> Iterator[Message]:
        yield from ()

    def _step(self, which: int, ends: tuple[Any, ...]) -> Iterator[Message]:
        """One step of all its environments."""
        player = self._players[which]
        for stream, how in enumerate(ends):
            if how == RESET:
                continue
            followed = self._number()
            end = DISCARDED if how in (LATE_END, UNFIT) else how
            player.waiting.append(
                Made(
                    stream, player.positions[stream], player.observes[stream], followed, player.starts[stream], end,
                    player.iteration, player.source,
                )
            )  # fmt: skip
            over = how in (TERMINATED, TRUNCATED, LATE_END)
            player.positions[stream] += 2 if how == UNFIT else 1
            player.observes[stream] = self._number() if over or how == UNFIT else followed
            player.starts[stream] = over
        yield from ()

    def _model(self, which: int) -> Iterator[Message]:
        """Newer weights are loaded."""
        self._players[which].iteration += 1
        yield from ()

    def _person(self, which: int) -> Iterator[Message]:
        """A person takes the controls, or gives them back."""
        self._players[which].source = 2 - self._players[which].source
        yield from ()

    def _restart(self, which: int) -> Iterator[Message]:
        """The environments are started anew."""
        player = self._players[which]
        player.positions = [position + 1 for position in player.positions]
        player.observes = [self._number(), self._number()]
        player.starts = [True, True]
        yield from ()

    def _send(self, which: int, parts: int | None = None) -> Iterator[Message]:
        """Send what waits; with `parts` the node gets it in parts of this many rows."""
        player = self._players[which]
        rows = player.waiting
        player.waiting = []
        if not rows:
            return
        message = Message(player.client, rows, build(rows, self.kind))
        if parts is None:
            yield message
            return
        ordered = in_order(rows)
        for i, part in enumerate(message.steps.split(parts)):
            yield Message(player.client, ordered[i * parts : (i + 1) * parts], part)

    def _lose(self, which: int) -> Iterator[Message]:
        """What waits is lost."""
        self._players[which].waiting = []
        yield from ()

    def _select(self, which: int, every: int) -> Iterator[Message]:
        """The node takes in only some of the segments."""
        for message in self._send(which):
            keep = np.arange(len(message.steps.segments)) % every == 0
            kept = np.repeat(keep, message.steps.segments[:, 2])
            rows = [row for row, there in zip(in_order(message.rows), kept, strict=True) if there]
            yield Message(message.client, rows, message.steps.select(keep))

    def _leave(self, which: int) -> Iterator[Message]:
        """The process ends, and another one starts."""
        yield from self._send(which)
        self._players[which] = self._player()

    def _noticed(self, _which: int) -> Iterator[Present]:
        """The node compares the clients that are connected with those that it knows."""
        yield Present(frozenset(player.client for player in self._players))

    def _away(self, which: int) -> Iterator[Present]:
        """The node takes a client for gone that is still there."""
        yield Present(frozenset(player.client for i, player in enumerate(self._players) if i != which))


def in_order(rows: list[Made]) -> list[Made]:
    """Rows stream after stream, as they lie in a message."""
    return sorted(rows, key=lambda row: row.stream)


_COMMON: list[Any] = [GOES_ON] * 12
_ENDS: list[Any] = [TERMINATED, TRUNCATED, DISCARDED, LATE_END, UNFIT, RESET]
_STEPS = [(end, GOES_ON) for end in _COMMON] + [(a, b) for a in _ENDS for b in (GOES_ON, GOES_ON, TERMINATED)]
_STEPS += [(GOES_ON, end) for end in _ENDS]
MOVES: list[tuple[Any, ...]] = [
    ("nothing", 0)
]  # first, since hypothesis replaces moves by it to shorten a failing history
MOVES += [("step", which, ends) for ends in _STEPS for which in (0, 1)]
MOVES += [("send", which) for which in (0, 1)] * 10
MOVES += [
    (what, which) for what in ("model", "restart", "lose", "leave", "noticed", "away", "person") for which in (0, 1)
]
MOVES += [("send", 0, 2), ("send", 1, 3), ("select", 0, 2), ("select", 1, 3)]


def histories(kind: Kind, moves: int = 50, clients: int = 2) -> st.SearchStrategy[list[Message | Present]]:
    """Strategy for the events of some clients. All rows are sent in the end."""

    def played(chosen: list[tuple[Any, ...]]) -> list[Message | Present]:
        last: list[tuple[Any, ...]] = [("send", which) for which in range(clients)]
        return list(World(kind, clients).play(chosen + last))

    return st.lists(st.sampled_from(MOVES), min_size=moves // 2, max_size=moves).map(played)


def messages(kind: Kind, most: int = 30) -> st.SearchStrategy[list[Made]]:
    """Strategy for the rows of one message, of one client."""
    moves = [move for move in MOVES if move[0] in ("nothing", "step", "model", "restart", "person")]

    def played(chosen: list[tuple[Any, ...]]) -> list[Made]:
        events = World(kind, 1).play([*chosen, ("send", 0)])
        return [row for message in events if isinstance(message, Message) for row in in_order(message.rows)]

    return st.lists(st.sampled_from(moves), min_size=most // 4, max_size=most).map(played)
