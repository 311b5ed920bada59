"""The values that travel between processes, and the specs of spaces and arrays: plain data without behavior."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

Arrays = dict[str, np.ndarray]
"""Named arrays. Observations are always of this form: a plain space has the one name "observation"."""


MAX_NUMBER = 1e15
"""Largest magnitude of a number in a report. Numbers of reports are summed: with 1e308 a sum would be infinite."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding may raise if the bytes are a stranger's or of a damaged file. The last two are for text that is not
UTF-8 and for very deep nesting, which msgspec does not report as errors of its own."""


class ArraySpec(msgspec.Struct, frozen=True):
    """The form of one row of a column.

    Attributes:
        shape: without the leading axis of rows.
        low, high: bounds of all numbers, None where there are none.
        sparse: an actor's own column that it may leave out at some steps.
    """

    shape: tuple[int, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    sparse: bool = False


class Discrete(msgspec.Struct, frozen=True, tag="discrete"):
    """Actions 0 .. n-1; an action of one environment is an int64 scalar."""

    n: int


class MultiDiscrete(msgspec.Struct, frozen=True, tag="multi_discrete"):
    """Several discrete choices at once; an action of one environment is int64 of shape (len(nvec),)."""

    nvec: tuple[int, ...]


class Continuous(msgspec.Struct, frozen=True, tag="continuous"):
    """Real-valued actions, float32 of `shape`; low and high are flattened bounds, None where unbounded."""

    shape: tuple[int, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


ActionSpec = Discrete | MultiDiscrete | Continuous


class EnvSpec(msgspec.Struct, frozen=True):
    """What an algorithm has to know of an environment to build its networks.

    Attributes:
        name: for people, for example "LunarLander-v3".
        observations: name -> spec of one row. A plain space has the single name "observation"; a Dict space has
            "observation.<key>" for each key. Discrete parts arrive one-hot, float64 as float32.
        action: the action space.
        masked: the environment reports which actions are valid.
        timed: the environment reports how long each step took, since the lengths of its steps differ.
    """

    name: str
    observations: dict[str, ArraySpec]
    action: ActionSpec
    masked: bool = False
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """The model as actors use it: numpy arrays by name, so that no framework is needed to load it.

    Attributes:
        iteration: number of updates of the model.
        env_steps: environment steps admitted in the whole run so far; schedules such as that of epsilon follow them.
        quota: rows that a client may make with this model before it waits for a newer one; None: any number.
    """

    iteration: int
    arrays: Arrays
    env_steps: int = 0
    quota: int | None = None


# Not frozen: one is made at each step, and a frozen dataclass takes five times as long to make.
@dataclass(slots=True)
class Step:
    """What n environments that are stepped together return, whatever their autoreset mode. A row is one of them.

    Attributes:
        observations: name -> (n, *shape), what to act on next: after an end, the next episode's first observation.
        rewards, terminated, truncated: (n,).
        final: row -> the episode's last observation (name -> (*shape)), where it is not in `observations` since the
            environment was reset in the same step.
        valid: bool (n,), False where the step only reset the environment and is no transition; None if all are valid.
        masks: bool (n, actions), valid actions at `observations`; None: all are valid.
        final_masks: row -> bool (actions,), valid actions at `final`.
        metrics: row -> numbers from `info`, reported with the row's episode (the last value of each counts).
        durations: float32 (n,), length of the step in usual steps, where `EnvSpec.timed`; else None.
    """

    observations: Arrays
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    final: dict[int, Arrays] = field(default_factory=dict)
    valid: np.ndarray | None = None
    masks: np.ndarray | None = None
    final_masks: dict[int, np.ndarray] = field(default_factory=dict)
    metrics: dict[int, dict[str, float]] = field(default_factory=dict)
    durations: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a learner needs to continue exactly where it stopped. The core writes the files; plugins do not.

    Attributes:
        arrays: part ("network", "optimizer", "replay" ...) -> arrays; each part becomes one safetensors file.
        values: JSON-able counters, schedules and random states.
    """

    arrays: dict[str, Arrays]
    values: dict[str, Any]


class Episode(msgspec.Struct, frozen=True):
    """The result of one episode, as a client reports it.

    Attributes:
        id: "<client>-<number>", unique, so that a repeated report is recognized.
        iteration: of the model with which the episode ended.
        seconds: wall time of the episode on the client.
        complete: False if the environment failed before the episode ended.
        metrics: further numbers, from the environment's `info` and from the actor (for example epsilon).
        run_id: the run that it belongs to.
        evaluation: number of episodes that evaluate the model with which this one was played, without exploration; 0
            for an episode of training.
    """

    id: str
    client: str
    total_reward: float
    length: int
    iteration: int
    seconds: float
    complete: bool = True
    metrics: dict[str, float] = {}
    run_id: str = ""
    evaluation: int = 0


def is_plain(text: str, limit: int) -> bool:
    """Whether a text from outside has `limit` characters at most, and nothing that moves a terminal's cursor, begins a
    new line in a log or changes the direction of writing."""
    return len(text) <= limit and text.isprintable()


def plain(text: str, limit: int) -> str:
    """A text from outside for people to read: cut, with a space for each character that cannot be printed."""
    return "".join(c if c.isprintable() else " " for c in text[:limit])


def without_huge_numbers(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics without those that are beyond MAX_NUMBER or not finite."""
    return {name: value for name, value in metrics.items() if abs(value) <= MAX_NUMBER}


def episode_number(identifier: str) -> int:
    """The number in an episode's id "<client>-<number>", 0 if there is none."""
    _, _, number = identifier.rpartition("-")
    # Fewer than 19 digits fit 64 bits. isdigit alone is true of superscripts too, which int() refuses.
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


class ClientInfo(msgspec.Struct, frozen=True):
    """What a client reports of itself with each heartbeat.

    Attributes:
        restarts: how often the environment was started again, after a failure or as planned.
        dropped: rows that were never taken in: the buffer was full while the server was away, or something kept them
            from arriving.
        late_steps: steps that took longer than the setting `late_step_s`.
        step_seconds, slowest_step_seconds: mean and longest time of the steps since the last heartbeat.
        problem: a sentence on the call of a plugin that takes long just now, or on the environment's last failure; ""
            without one, and once an episode has ended since.
        left_out: rows that were not sent, since they did not fit their columns.
        unfit: a sentence on the newest column in which a row did not fit, "" if there was none.
        backlog: rows that wait until they are taken in.
        leaving: this is the client's last heartbeat.
        version: of its soulsai-core.
        latency: seconds that the server took to answer the last heartbeat, 0 before the first.
    """

    id: str
    host: str
    env_steps: int = 0
    episodes: int = 0
    steps_per_second: float = 0.0
    restarts: int = 0
    dropped: int = 0
    late_steps: int = 0
    step_seconds: float = 0.0
    slowest_step_seconds: float = 0.0
    problem: str = ""
    left_out: int = 0
    unfit: str = ""
    backlog: int = 0
    leaving: bool = False
    version: str = ""
    latency: float = 0.0


AT = "@"
"""Ends the contributor's name in the ids of its clients."""


def contributor_of(client: str) -> str:
    """The contributor that this client belongs to; "" for a client that uses the server's own password."""
    name, at, _ = client.partition(AT)
    return name if at else ""


class Progress(msgspec.Struct, frozen=True):
    """The node's answer to its clients, sent with each model and whenever a client may be waiting for it.

    Attributes:
        run_id: name of the run's folder. It stays the same when the run is resumed; with a new one clients join anew.
        node: id of the node's process; with a new one acknowledgments start anew.
        state: "running", or "stopping" when clients shall leave.
        window: rows that one client may have under way: sent and not yet taken in.
        windows: client -> its own window, for the clients of contributors with several, who share one.
        acked: client -> number of its last message that was taken in.
        refused: client -> the attempt of its last message that was refused, since one before it is missing.
        busy: the loop has looked at no message since the last progress, since an update takes or took long.
        number: counts what this node has published, so that a repetition is not taken for what was read before.
        client_indices: client -> the lowest index, from 0, that was free when it joined.
        settings: number of changes of the announced settings; with another number, or from another node, clients read
            them again.
        places: client -> its place among those that are connected, by admitted rows; from 1.
        evaluation_turns: client -> number of episodes that this node has asked it to play as evaluations.
        evaluation_episodes: number of episodes that evaluate one model.
    """

    run_id: str
    node: str
    state: str
    iteration: int
    env_steps: int
    window: int
    acked: dict[str, int] = {}
    client_indices: dict[str, int] = {}
    refused: dict[str, int] = {}
    busy: bool = False
    number: int = 0
    settings: int = 0
    evaluation_turns: dict[str, int] = {}
    evaluation_episodes: int = 0
    windows: dict[str, int] = {}
    places: dict[str, int] = {}

    def window_of(self, client: str) -> int:
        """Rows that this client may have under way."""
        return self.windows.get(client, self.window)


class SettingChange(msgspec.Struct, frozen=True):
    """A setting that was changed while the run went on.

    Attributes:
        time: seconds since 1970.
        name: as in `algorithm.config.learning_rate`.
        before, after: JSON-able values.
        origin: who changed it and where, for people.
        iteration, env_steps: of the run at that time.
        undoes: it undoes an earlier change.
    """

    time: float
    name: str
    before: Any
    after: Any
    origin: str
    iteration: int
    env_steps: int
    undoes: bool = False


class Command(msgspec.Struct, frozen=True):
    """A request to the training node: "quicksave", "save_best", "best_is_saved" (none better is left), "set",
    "set_back" or "shutdown"."""

    id: str
    name: str
    options: dict[str, Any] = {}


class Reply(msgspec.Struct, frozen=True):
    """The node's answer to a command: `detail` is the result, or why there is none, as a sentence."""

    id: str
    ok: bool
    detail: str


class Announcement(msgspec.Struct, frozen=True):
    """What a client downloads before it starts: the resolved configuration without secrets.

    Attributes:
        api: API_VERSION of the node.
        version: of the node's soulsai-core.
        columns: name -> spec of one row of the steps to send, with the bounds within which values are accepted.
            Clients check their rows against it before they send them.
        evaluates: clients may be asked to play episodes as evaluations.
    """

    api: int
    version: str
    run_id: str
    environment: dict[str, Any]
    algorithm: dict[str, Any]
    client: dict[str, Any]
    spec: EnvSpec
    columns: dict[str, ArraySpec]
    evaluates: bool = False
