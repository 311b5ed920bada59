"""The values that travel between processes. Plain, frozen, and free of any behaviour of the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

Arrays = dict[str, np.ndarray]
"""Named arrays. Observations are always of this form: a plain space has the one name "observation"."""


class ArraySpec(msgspec.Struct, frozen=True):
    """One row of a column: its shape without the leading row axis, its dtype, and the bounds if there are any.

    Attributes:
        sparse: an actor's own column that it need not give at each step.
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
    """What an algorithm must know of an environment to build its networks.

    Attributes:
        name: for people, for example "LunarLander-v3".
        observations: name -> spec of one row. A plain space has the single name "observation"; a Dict space has
            "observation.<key>" for each key. Discrete parts arrive one-hot, float64 as float32.
        action: the action space.
        masked: the environment reports which actions are valid.
        timed: the environment reports how long each step took, since they differ.
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
        iteration: model iteration, 0 before the first update.
        env_steps: environment steps admitted in the whole run so far; schedules such as epsilon follow it.
        quota: rows that a client may make with this model before it waits for a newer one; None: any number.
    """

    iteration: int
    arrays: Arrays
    env_steps: int = 0
    quota: int | None = None


@dataclass(slots=True)  # made at every step: frozen, it would take five times as long to make
class Step:
    """What an environment of n rows returns, whatever its autoreset mode.

    Attributes:
        observations: name -> (n, *shape), what to act on next: after an end, the next episode's first observation.
        rewards, terminated, truncated: (n,).
        final: row -> the observation (name -> shape) that ended the episode, where it differs from `observations`.
        valid: bool (n,), False where the step only reset the row and is no transition; None if all are valid.
        masks: bool (n, actions) at `observations`; final_masks: row -> bool (actions,) at `final`.
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
    """What a learner needs to go on exactly where it stopped. The core writes it; no plugin touches files.

    Attributes:
        arrays: part ("network", "optimizer", "replay" ...) -> arrays; each part becomes one safetensors file.
        values: JSON-able counters, schedules and random states.
    """

    arrays: dict[str, Arrays]
    values: dict[str, Any]


class Episode(msgspec.Struct, frozen=True):
    """The result of one episode, as a client reports it.

    Attributes:
        id: "<client>-<number>", unique, so that a repeated report is recognised.
        seconds: wall time the episode took on the client.
        complete: False if the environment failed in the middle.
        metrics: further numbers, from the environment's `info` and the actor (for example epsilon).
        run_id: the training that it belongs to.
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


class ClientInfo(msgspec.Struct, frozen=True):
    """What a client says of itself with each heartbeat.

    Attributes:
        restarts: how often the environment failed and was started again.
        dropped: rows that never left.
        late_steps: steps that took longer than they should.
        step_seconds, slowest_step_seconds: mean and longest time of the steps since the last heartbeat.
        trouble: which call of a plugin takes long just now, or why the environment failed last, "" once an episode was
            finished since.
        left_out: rows that did not fit their columns, and were not sent.
        unfit: what did not fit in the last one of them that was said, "" if there was none.
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
    trouble: str = ""
    left_out: int = 0
    unfit: str = ""


class Progress(msgspec.Struct, frozen=True):
    """The node's answer to its clients, sent with every model and whenever it would unblock somebody.

    Attributes:
        run_id: name of the training; it survives a resume. A new one means that clients start afresh.
        node: id of the node's process; a new one means that acknowledgements start afresh.
        state: "running", or "stopping" when clients shall leave.
        window: rows that one client may have under way, sent but not yet taken in.
        acked: client -> number of its last message that was taken in.
        places: client -> the lowest number that was free when it came, from 0.
    """

    run_id: str
    node: str
    state: str
    iteration: int
    env_steps: int
    window: int
    acked: dict[str, int] = {}
    places: dict[str, int] = {}


class Command(msgspec.Struct, frozen=True):
    """A request to the training node: "quicksave", "save_best" or "shutdown"."""

    id: str
    name: str
    options: dict[str, Any] = {}


class Reply(msgspec.Struct, frozen=True):
    """The node's answer: `detail` is the result for a person, or the reason why not."""

    id: str
    ok: bool
    detail: str


class Announcement(msgspec.Struct, frozen=True):
    """What a client downloads before it starts: the resolved configuration without secrets.

    Attributes:
        columns: name -> spec of one row of the steps that it sends, with the bounds within which values are believed;
            clients look at their rows before they send them.
    """

    api: int
    version: str
    run_id: str
    environment: dict[str, Any]
    algorithm: dict[str, Any]
    client: dict[str, Any]
    spec: EnvSpec
    columns: dict[str, ArraySpec]


class ClientStatus(msgspec.Struct, frozen=True):
    """One client as the node sees it."""

    info: ClientInfo
    admitted: int = 0
    rejected: dict[str, int] = {}


class NodeStatus(msgspec.Struct, frozen=True):
    """What the training node says of itself, for progress lines, `soulsai status` and pages.

    Attributes:
        goal_env_steps: where training stops by itself, None if it does not.
        mean_return: mean return of the last `window_episodes` complete episodes, None before the first.
        acceptance: share of rows admitted since the node started; 1 before the first. Rows that the clients that are
            there left out count as rejected, for the reason "unfit".
        age: mean age of admitted rows in "iterations", "env_steps" and "seconds".
        backlog: sample messages waiting in the server.
        learner: numbers reported by the last update.
    """

    run_id: str
    folder: str
    state: str
    iteration: int
    env_steps: int
    goal_env_steps: int | None
    elapsed: float
    episodes: int
    mean_return: float | None
    window_episodes: int
    steps_per_second: float
    iterations_per_second: float
    acceptance: float
    rejected: dict[str, int]
    age: dict[str, float]
    backlog: int
    clients: list[ClientStatus]
    learner: dict[str, float]
