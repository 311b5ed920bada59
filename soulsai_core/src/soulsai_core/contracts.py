"""What plugins implement. Everything here is public: it changes only together with API_VERSION."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from soulsai_core.messages import Arrays, ArraySpec, EnvSpec, State, Step, Weights
from soulsai_core.steps import Source, StepBatch
from soulsai_core.transport.contract import Entry as Entry
from soulsai_core.transport.contract import Transport as Transport

if TYPE_CHECKING:
    import gymnasium
    from pydantic import BaseModel

API_VERSION = 1
"""Plugins state the version that they were written for; another one is refused at start."""


@dataclass(frozen=True, slots=True)
class Sync:
    """How tightly actors are bound to the learner. DQN and PPO differ in these numbers, not in the loop.

    Attributes:
        max_staleness: steps of this many newest iterations are admitted; 3 means V, V-1 and V-2.
        rows_per_iteration: rows that the node admits before it asks for a new iteration. One client may have
            max_staleness - 1 times as many under way, several together half of that, and once as many at least, so
            that rows do not age in queues; twice as many, where there are required clients.
        required_clients: no update is made while fewer clients are there.
        sources: whose steps are learned from. Rows of others are neither counted nor given to the learner.
    """

    max_staleness: int
    rows_per_iteration: int
    required_clients: int = 0
    sources: tuple[Source, ...] = (Source.AGENT,)


class Learner(ABC):
    """An algorithm's server half. The training node calls it from one thread only."""

    @abstractmethod
    def add(self, steps: StepBatch, client: str) -> None:
        """Take in admitted rows of one client, in the order in which it sent them. The arrays are read-only views of
        the message: copy what you keep. `steps.closed` says that the client has made its whole quota; such a batch may
        have no rows."""

    @abstractmethod
    def update(self) -> Mapping[str, float]:
        """Make one model iteration (any number of gradient steps) and return numbers to report, such as the loss."""

    @abstractmethod
    def weights(self) -> Arrays:
        """A snapshot of the model; it must not change afterwards. Names and shapes are the same every time."""

    def evaluation_weights(self) -> Arrays:
        """The same for agents that learn no more: to be evaluated, or to play. By default those of the clients."""
        return self.weights()

    @abstractmethod
    def save(self, *, buffer: bool) -> State:
        """Everything needed to go on exactly here; the replay buffer only if `buffer`."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Go on from `state`. Raises CheckpointError with a sentence if it does not fit."""

    def ready(self) -> bool | None:
        """None, the default: an update is due for every `Sync.rows_per_iteration` admitted rows, which the node counts.
        True: one is due now. False: none is possible yet, and rows that come meanwhile do not count towards one."""
        return None

    def quota(self) -> int | None:
        """Rows that each client may make with the newest model before it waits for the next; None: any number. It
        travels with the weights."""
        return None

    def reach(self) -> int:
        """Newest rows, before a checkpoint, that `restore` wants back from the journal after a resume; 0: none."""
        return 0

    def restore(self, steps: StepBatch, client: str) -> None:
        """Bring back rows that were added before the checkpoint, without counting them. Called in their old order,
        after `load` of a state without its buffer."""

    def started(self, *, resumed: bool) -> None:
        """Called once before the loop."""

    def updated(self, iteration: int) -> None:
        """Called after the new iteration has been handed over for publishing."""

    def clients_changed(self, clients: frozenset[str]) -> None:
        """Called when a client joined or was lost, with the ids of all that are there."""

    def finished(self) -> str | None:
        """The reason why training shall end now; None while it goes on."""
        return None

    def stopped(self) -> None:
        """Called once after the loop, also after an error."""


class Actor(ABC):
    """An algorithm's client half: picks actions for n environments. Steps are recorded by the core.

    Its state depends on `act` alone, so that it plays the same for whoever calls it: a client, a player, an evaluation.
    All calls come from one thread. Where the environment computes elsewhere (see `Environment.overlapping`), `prepare`
    comes while a step is under way; `load` never does.
    """

    @abstractmethod
    def load(self, weights: Weights) -> None:
        """Use these weights from now on. Called before the first `act`, then between steps."""

    def prepare(self, weights: Weights) -> None:
        """These are likely to be loaded next, perhaps in a moment when a game waits: do now what takes long. Nothing
        changes before `load`, which may also come without this, or with others."""

    @abstractmethod
    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        """Choose actions.

        Args:
            observations: name -> (n, *shape).
            masks: bool (n, actions) of valid actions, which are respected; None: all are.
            starts: bool (n,), an episode begins with this observation, so that nothing before it is remembered.

        Returns:
            actions (n, *action shape), and the own columns that the plugin declares, name -> (n, *shape); those
            declared `sparse` may be left out. The arrays are new each time: they may be kept.
        """

    def placed(self, place: int) -> None:
        """This client has the lowest number, counted from 0, that was free among the clients when it came. Called
        between steps once the node has told it, and when it has changed; `load` follows."""

    def metrics(self) -> dict[str, float]:
        """Numbers to report with each episode, for example epsilon."""
        return {}


class Environment(ABC):
    """n environments of one kind, stepped together. One environment is n = 1.

    Attributes:
        overlapping: a step is computed elsewhere, in another process for example. The client then steps by
            `step_async` and `step_wait`, and does between them what takes it long: sending samples, preparing weights.
    """

    num_envs: int
    overlapping: bool = False
    _asked_for: np.ndarray | None = None

    @abstractmethod
    def reset(self) -> Step:
        """Start all episodes. Rewards and flags of the answer are zero."""

    @abstractmethod
    def step(self, actions: np.ndarray) -> Step:
        """Step all rows; ended rows start their next episode by themselves (see `Step`). The arrays of a Step are new
        each time: whoever got one may keep it."""

    def step_async(self, actions: np.ndarray) -> None:
        """Begin a step, and return at once. Nothing else but `step_wait` and `close` may follow."""
        self._asked_for = actions

    def step_wait(self) -> Step:
        """Wait for the step that was begun; the answer and the failures are those of `step`."""
        actions = self._asked_for
        self._asked_for = None
        if actions is None:
            raise RuntimeError("step_wait was called before step_async")
        return self.step(actions)

    @abstractmethod
    def close(self) -> None:
        """Leave nothing behind. May be called twice, after a failure, and while a step is under way."""


def _no_columns(_config: Any, _spec: EnvSpec) -> Mapping[str, ArraySpec]:
    return {}


@dataclass(frozen=True, slots=True)
class AlgorithmPlugin:
    """Entry point group `soulsai.algorithms`.

    Attributes:
        name: the name in the config, equal to the entry point's.
        config: pydantic model of the algorithm's settings; every field has a default.
        sync: config -> Sync.
        learner: (config, spec, rng) -> Learner.
        actor: (config, spec, rng, explore) -> Actor; without `explore` it plays its best.
        columns: (config, spec) -> the own columns that `Actor.act` returns, none by default.

    The last three import heavy packages only when called, and raise SpaceError for spaces that they cannot serve.
    """

    name: str
    config: type[BaseModel]
    sync: Callable[[Any], Sync]
    learner: Callable[[Any, EnvSpec, np.random.Generator], Learner]
    actor: Callable[[Any, EnvSpec, np.random.Generator, bool], Actor]
    columns: Callable[[Any, EnvSpec], Mapping[str, ArraySpec]] = _no_columns
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class EnvironmentPlugin:
    """Entry point group `soulsai.environments`.

    Attributes:
        spec: config -> EnvSpec. The node calls it too, so it must not need the game to run.
        make: (config, seed) -> Environment. Raises EnvironmentFailure with a sentence, or
            EnvironmentNotReady, which is one, if it may go better later.
    """

    name: str
    config: type[BaseModel]
    spec: Callable[[Any], EnvSpec]
    make: Callable[[Any, int | None], Environment]
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class ConnectorContext:
    """Where a connector lives: the run's name, its folder, and the resolved config without secrets."""

    run: str
    folder: Path
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectorPlugin:
    """Entry point group `soulsai.connectors`.

    Attributes:
        make: (config, context) -> an object with methods marked `@soulsai_core.hookimpl`, and optionally `close()`.
        home: the node that it lives in and whose events it hears. The telemetry node tells more of the episodes, and
            nothing of single samples and updates.
    """

    name: str
    config: type[BaseModel]
    make: Callable[[Any, ConnectorContext], object]
    home: Literal["training", "telemetry"] = "training"
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class TelemetryPlugin:
    """Entry point group `soulsai.telemetry`: the settings of the telemetry node. Its distribution also adds the command
    `soulsai telemetry`, which runs it."""

    config: type[BaseModel]
    name: str = "telemetry"
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class WrapperPlugin:
    """Entry point group `soulsai.wrappers`: a named gymnasium wrapper.

    Attributes:
        wrap: (environment, config) -> wrapped environment.
    """

    name: str
    config: type[BaseModel]
    wrap: Callable[[gymnasium.Env, Any], gymnasium.Env]
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class NetworkPlugin:
    """Entry point group `soulsai.networks`: what turns observations into a vector, for algorithms to put their own
    layers on.

    Attributes:
        build: (config, name -> shape of one row, torch.Generator) -> torch.nn.Module with an int attribute `width`. It
            takes name -> tensor (n, *shape), "observation" float32 and "image" uint8 of (channels, height, width),
            whichever there are, and gives float32 (n, width). All randomness comes from the generator. Heavy packages
            are imported only when it is called.
        images: it needs an "image"; the others take none.
    """

    name: str
    config: type[BaseModel]
    build: Callable[[Any, Mapping[str, tuple[int, ...]], Any], Any]
    images: bool = False
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class PresetPlugin:
    """Entry point group `soulsai.presets`: settings that go well together, chosen with `--preset NAME`.

    Attributes:
        values: as in config.yaml, which lies above them; config_d.yaml, which has every default, lies below.
    """

    name: str
    values: Mapping[str, Any]
    api_version: int = API_VERSION
