"""The classes that plugins implement. All of them are public, and change only together with API_VERSION."""

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
"""Each plugin names the version that it was written for. Plugins of another version are refused at the start."""


@dataclass(frozen=True, slots=True)
class Sync:
    """How closely actors follow the learner. DQN and PPO differ in these numbers, not in the loop.

    Attributes:
        max_staleness: steps of this many newest iterations are admitted; 3 means V, V-1 and V-2.
        rows_per_iteration: rows that the node admits for each new iteration. It also limits the rows under way, so that
            they do not age in queues: to max_staleness - 1 times as many for a single client, to half of that for
            several together, but to once as many at least; to twice as many if clients are required.
        required_clients: no update is made while fewer clients are connected.
        sources: the sources of steps to learn from. Rows of other sources are neither counted nor given to the learner.
    """

    max_staleness: int
    rows_per_iteration: int
    required_clients: int = 0
    sources: tuple[Source, ...] = (Source.AGENT,)


class Learner(ABC):
    """The half of an algorithm that runs in the training node, which calls it from one thread only."""

    @abstractmethod
    def add(self, steps: StepBatch, client: str) -> None:
        """Take in admitted rows of one client, in the order in which it sent them.

        The arrays are read-only views of the message: copy what you keep. If `steps.closed` is set, the client has made
        its whole quota; such a batch may have no rows.
        """

    @abstractmethod
    def update(self) -> Mapping[str, float]:
        """Make one model iteration, of any number of gradient steps. Returns numbers to report, such as the loss."""

    @abstractmethod
    def weights(self) -> Arrays:
        """A snapshot of the model; it must not change afterwards. Names and shapes are the same every time."""

    def evaluation_weights(self) -> Arrays:
        """A snapshot of the model for evaluation and play. By default the same as `weights`."""
        return self.weights()

    @abstractmethod
    def save(self) -> State:
        """Everything that is needed to continue exactly from here, but for the rows that `restore` brings back. A
        snapshot: it is written while the training goes on, so it must be made quickly, and not change afterwards."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Continue from `state`. Raises CheckpointError with a sentence if it does not fit."""

    def ready(self) -> bool | None:
        """Whether an update is due.

        None, the default, leaves it to the node, which makes one for every `Sync.rows_per_iteration` admitted rows.
        True: an update is due now. False: none is possible yet, and rows that come meanwhile do not count toward one.
        A training that goes on after a kill makes the updates again for which the answer was True, of the same rows,
        without asking: what the answer depended on besides, such as time, is not the same then.
        """
        return None

    def use_spare_time(self) -> bool:
        """Do a few milliseconds of work that nothing waits for, such as further gradient steps.

        Called while no message waits and no update is due. Returns whether there was something to do; False, the
        default, lets the node wait for messages. The model that it changes is published with the next update.
        """
        return False

    def quota(self) -> int | None:
        """Rows that each client may make with the newest model before it waits for the next; None: any number. Clients
        receive it with the weights."""
        return None

    def reach(self) -> int:
        """Number of rows before now that `restore` would need after a `load` of the state now; after a `load`, the
        number that it needs. 0, the default: none."""
        return 0

    def restore(self, steps: StepBatch, client: str) -> None:
        """Take in rows again that were added before the checkpoint, without counting them.

        Called after `load`, with the last `reach` rows of the journal in their old order, before any `add`.
        """

    def restored(self, *, complete: bool) -> None:
        """Called once after `load` and the last `restore`.

        Args:
            complete: all `reach` rows were there. Otherwise some are missing, at the beginning or in between.
        """

    def capacity(self) -> int:
        """Rows of another run that it can begin with; 0, the default: none, since it learns only from new rows of its
        own models."""
        return 0

    def begin_with(self, steps: StepBatch, client: str) -> None:
        """Take in rows that were made in another run, `capacity` at most, in their old order. They are learned from as
        if the first model had acted, `ready` and `reach` count them, and a resume brings them back with `restore`.

        Called before `started` and any `add`, for a training that begins with the steps of another one. Own columns
        are missing but for sparse ones: they hold what another model said. By default the rows are added; a learner
        that counts the steps of its run, as for a schedule, does not count these.
        """
        self.add(steps, client)

    def change(self, config: BaseModel) -> None:
        """Use these settings from now on. They differ from those before only in fields that the plugin's model declares
        with `json_schema_extra=LIVE`. Called between two updates."""
        raise NotImplementedError("settings are declared as LIVE, so Learner.change must take them")

    def started(self, *, resumed: bool) -> None:
        """Called once before the loop."""

    def updated(self, iteration: int) -> None:
        """Called after the new iteration was handed over for publishing."""

    def clients_changed(self, clients: frozenset[str]) -> None:
        """Called when a client joined or was lost, with the ids of all clients that are connected."""

    def waits_for(self) -> tuple[str, ...]:
        """The clients without whose rows no update is made, for people who ask why none is; () if there are none."""
        return ()

    def finished(self) -> str | None:
        """The reason to end the training now; None to continue."""
        return None

    def stopped(self) -> None:
        """Called once after the loop, also after an error."""


class Actor(ABC):
    """The half of an algorithm that runs in a client: chooses actions for n environments. The core records the steps.

    Its state depends on `act` alone, so that it acts the same in a client, in a player and in an evaluation. All calls
    come from one thread. If the environment computes elsewhere (see `Environment.overlapping`), `prepare` is called
    while a step is running; `load` never is.
    """

    @abstractmethod
    def load(self, weights: Weights) -> None:
        """Use these weights from now on. Called before the first `act`, then between steps."""

    def prepare(self, weights: Weights) -> None:
        """Do now what takes long in a `load` of these weights, which will probably follow at a time when a game waits.

        The actor must not change before `load`, which may also come without this call, or with other weights.
        """

    @abstractmethod
    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        """Choose actions.

        Args:
            observations: name -> (n, *shape).
            masks: bool (n, actions) of valid actions, the only ones to choose; None: all are valid.
            starts: bool (n,), True where an episode begins with this observation: the actor forgets what was before.

        Returns:
            actions (n, *action shape), and the own columns that the plugin declares, name -> (n, *shape); those
            declared `sparse` may be left out. The arrays are new at each call: the caller may keep them.
        """

    def index_assigned(self, index: int) -> None:
        """The node gave this client the lowest index, from 0, that was free when it joined.

        With it, exploration may differ from client to client. Called between steps, also when the index changes; `load`
        follows.
        """

    def change(self, config: BaseModel) -> None:
        """Use these settings from now on, as in `Learner.change`. Called between two steps; `load` follows."""

    def metrics(self) -> dict[str, float]:
        """Numbers to report with each episode, such as epsilon."""
        return {}


class Environment(ABC):
    """n environments of one kind, stepped together. One environment is n = 1.

    Attributes:
        overlapping: steps are computed elsewhere, for example in another process. The client then calls `step_async`
            and `step_wait`, and does its slow work between them: it sends samples and prepares weights.
        frames_per_second: of its pictures, at the speed at which a person would see it.
    """

    num_envs: int
    overlapping: bool = False
    frames_per_second: float = 30.0
    # For environments without an own `step_async`: the actions until `step_wait` computes the step.
    _asked_for: np.ndarray | None = None

    @abstractmethod
    def reset(self) -> Step:
        """Start all episodes. Rewards and flags of the returned step are zero."""

    def reseed(self, seed: int) -> bool:
        """Let the next `reset` begin as that of a new environment made with this seed. False, the default, if only
        a new one can."""
        return False

    @abstractmethod
    def step(self, actions: np.ndarray) -> Step:
        """Step all environments. Those that end start their next episode by themselves (see `Step`).

        The arrays of a Step are new at each call: the caller may keep them.
        """

    def step_async(self, actions: np.ndarray) -> None:
        """Begin a step and return at once. Only `step_wait` or `close` may follow."""
        self._asked_for = actions

    def step_wait(self) -> Step:
        """Wait for the step that was begun. Returns and raises what `step` does."""
        actions = self._asked_for
        self._asked_for = None
        if actions is None:
            raise RuntimeError("step_wait was called before step_async")
        return self.step(actions)

    def picture(self) -> np.ndarray | None:
        """What a person would see of the first environment now, uint8 (height, width, 3); None, the default: nothing.
        Asked for only where `EnvironmentPlugin.shown` made the config."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Free everything. May be called twice, after a failure, and while a step is running."""


def _no_columns(_config: Any, _spec: EnvSpec) -> Mapping[str, ArraySpec]:
    return {}


@dataclass(frozen=True, slots=True)
class AlgorithmPlugin:
    """Entry point group `soulsai.algorithms`.

    Attributes:
        name: the name in the config, equal to the entry point's.
        config: pydantic model of the algorithm's settings; every field needs a default.
        sync: config -> Sync.
        learner: (config, spec, rng) -> Learner.
        actor: (config, spec, rng, explore) -> Actor; without `explore` it chooses the best actions it knows.
        columns: (config, spec) -> the own columns that `Actor.act` returns, none by default.

    The last three import heavy packages only when called, and raise SpaceError for spaces that they do not support.
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
        spec: config -> EnvSpec. The training node calls it too, so it must not need the game to run.
        make: (config, seed) -> Environment. Raises EnvironmentFailure with a sentence, or its subclass
            EnvironmentNotReady if a later attempt may succeed.
        shown: config -> the config of the same environment with pictures (`Environment.picture`); None: the same.
    """

    name: str
    config: type[BaseModel]
    spec: Callable[[Any], EnvSpec]
    make: Callable[[Any, int | None], Environment]
    shown: Callable[[Any], Any] | None = None
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class ConnectorContext:
    """The run of a connector: its id, its folder, and the resolved config without secrets."""

    run: str
    folder: Path
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectorPlugin:
    """Entry point group `soulsai.connectors`.

    Attributes:
        make: (config, context) -> an object with methods marked `@soulsai_core.hookimpl`, and optionally `close()`.
        home: the node that runs the connector and calls its hooks. The telemetry node has more about episodes, and
            nothing about single samples and updates.
    """

    name: str
    config: type[BaseModel]
    make: Callable[[Any, ConnectorContext], object]
    home: Literal["training", "telemetry"] = "training"
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class TelemetryPlugin:
    """Entry point group `soulsai.telemetry`: the settings of the telemetry node. Its distribution also adds the command
    `soulsai telemetry`, which runs the node.

    Attributes:
        check: takes the settings; raises a SoulsAIError if what they name outside of the configuration, such as a file,
            cannot be used. None: they name nothing. `soulsai doctor` asks, and a training does not: its telemetry node
            may run on another machine.
    """

    config: type[BaseModel]
    name: str = "telemetry"
    api_version: int = API_VERSION
    check: Callable[[Any], None] | None = None


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
    """Entry point group `soulsai.networks`: an encoder that turns observations into a vector, for the layers of an
    algorithm.

    Attributes:
        build: (config, name -> shape of one row, torch.Generator) -> torch.nn.Module with an int attribute `width`. The
            module takes name -> tensor (n, *shape) with "observation", float32, and "image", uint8 of (channels,
            height, width), or one of them, and returns float32 (n, width). All randomness comes from the generator.
            Heavy packages are imported only when it is called.
        images: whether it needs an "image"; an encoder without this takes none.
    """

    name: str
    config: type[BaseModel]
    build: Callable[[Any, Mapping[str, tuple[int, ...]], Any], Any]
    images: bool = False
    api_version: int = API_VERSION


@dataclass(frozen=True, slots=True)
class PresetPlugin:
    """Entry point group `soulsai.presets`: settings that belong together, chosen with `--preset NAME`.

    Attributes:
        values: nested settings as in config.yaml. They override config_d.yaml, and config.yaml overrides them.
        description: what it is for and what was measured with it, for `soulsai presets`.
    """

    name: str
    values: Mapping[str, Any]
    description: str = ""
    api_version: int = API_VERSION
