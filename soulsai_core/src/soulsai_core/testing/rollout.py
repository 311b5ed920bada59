"""The loops of a client and of a node for the contract tests, without network, threads or files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from soulsai_core.client.recorder import Recorder
from soulsai_core.contracts import Actor, AlgorithmPlugin, Environment, Learner, Sync
from soulsai_core.messages import Arrays, ArraySpec, EnvSpec, Weights
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.steps import ITERATION, Sparse, StepBatch, step_columns
from soulsai_core.testing.arrays import assert_own_fit
from soulsai_core.testing.scripted import ScriptedEnvironment

MAX_VALUE = 1e6
"""Largest magnitude of numbers in recorded rows for which the spec has no bounds."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The algorithm under test, its settings and spaces. Makes learners and actors from seeds."""

    plugin: AlgorithmPlugin
    config: Any
    spec: EnvSpec

    @property
    def sync(self) -> Sync:
        """How closely actors follow the learner."""
        return self.plugin.sync(self.config)

    @property
    def own(self) -> Mapping[str, ArraySpec]:
        """The own columns that its actors return."""
        return self.plugin.columns(self.config, self.spec)

    def learner(self, seed: int = 0) -> Learner:
        """A new learner."""
        return self.plugin.learner(self.config, self.spec, np.random.default_rng(seed))

    def actor(self, seed: int = 0, *, explore: bool = True) -> Actor:
        """A new actor, still without weights."""
        return self.plugin.actor(self.config, self.spec, np.random.default_rng(seed), explore)

    def weights(self, iteration: int = 0, env_steps: int = 0, *, seed: int = 0) -> Weights:
        """Weights of an untrained learner, read-only."""
        return Weights(iteration, read_only(self.learner(seed).weights()), env_steps)

    def loaded_actor(self, seed: int = 0, *, explore: bool = True, env_steps: int = 0) -> Actor:
        """A new actor with the weights of an untrained learner."""
        actor = self.actor(seed, explore=explore)
        actor.load(self.weights(env_steps=env_steps))
        return actor

    def rollout(
        self, num_envs: int = 1, *, environment: Environment | None = None, seed: int = 0, **script: Any
    ) -> Rollout:
        """A client's loop with the weights of an untrained learner, in this environment or a scripted one.

        Args:
            script: options of the `ScriptedEnvironment`.
        """
        environment = environment or ScriptedEnvironment(self.spec, num_envs, seed=seed, **script)
        rollout = Rollout(self.actor(seed), environment, self.spec, self.own)
        rollout.load(self.weights())
        return rollout

    def masked(self) -> Subject:
        """The same in an environment that reports valid actions."""
        return replace(self, spec=msgspec.structs.replace(self.spec, masked=True))


class Rollout:
    """A client's loop: acts, steps and records. All arrays that the actor receives are read-only.

    Args:
        own: the own columns that the actor's plugin declares.

    Attributes:
        results: actions and own columns that the actor returned, each with a copy made at once.
    """

    def __init__(self, actor: Actor, environment: Environment, spec: EnvSpec, own: Mapping[str, ArraySpec]) -> None:
        self.actor = actor
        self.environment = environment
        self.results: list[tuple[Arrays, Arrays]] = []
        self._own = own
        self.recorder = Recorder(step_columns(spec, own, MAX_VALUE), spec.observations)
        self.weights: Weights | None = None
        self.restart()

    def restart(self) -> None:
        """Begin again, as after a failure of the environment."""
        self._before = self.environment.reset()
        self.recorder.begin(self._before)

    def load(self, weights: Weights) -> None:
        """Give the actor weights."""
        self.weights = weights
        self.actor.load(weights)
        self.recorder.load(weights.iteration, weights.quota)

    def step(self, *, late: bool = False) -> None:
        """One step of all rows."""
        before = self._before
        masks = None if before.masks is None else frozen(before.masks)
        actions, own = self.actor.act(read_only(before.observations), masks, frozen(self.recorder.starts))
        assert_own_fit(own, self._own, self.environment.num_envs)
        result = {"action": actions, **own}
        self.results.append((result, copied(result)))
        after = self.environment.step(actions)
        self.recorder.record(actions, own, after, late=late)
        self._before = after

    def play(self, steps: int) -> None:
        """Make some steps. When the quota is reached, the same weights are loaded again as a newer iteration."""
        for _ in range(steps):
            if self.recorder.quota_reached:
                assert self.weights is not None
                self.load(replace(self.weights, iteration=self.weights.iteration + 1))
            self.step()


class Training:
    """A node's loop around one learner, with clients of its own.

    Args:
        changed: turns each message into those that reach the learner, to lose or split some.
        with_failures: some steps are late, and environments fail sometimes.
        environments: seed -> a client's environment; None for scripted ones.

    Attributes:
        clients: name -> the client's loop.
        sent: each message that the learner took in, with its client.
    """

    def __init__(
        self,
        subject: Subject,
        learner: Learner | None = None,
        *,
        num_envs: int = 1,
        changed: Callable[[StepBatch], Iterable[StepBatch]] = lambda steps: (steps,),
        with_failures: bool = False,
        environments: Callable[[int], Environment] | None = None,
    ) -> None:
        self.learner = learner or subject.learner()
        self.sync = subject.sync
        self.iteration = self.env_steps = 0
        self.sent: list[tuple[str, StepBatch]] = []
        self._pace = UpdatePace(self.sync.rows_per_iteration)
        self._changed = changed
        self._with_failures = with_failures
        self._turns = 0
        self._waiting: deque[tuple[str, StepBatch]] = deque()
        names = [f"client-{index}" for index in range(max(1, self.sync.required_clients))]
        self.clients = {
            name: subject.rollout(num_envs, seed=seed, environment=environments(seed) if environments else None)
            for seed, name in enumerate(names)
        }
        self.learner.started(resumed=False)
        self.learner.clients_changed(frozenset(names))
        self._publish()

    def feed(self, *others: Learner, spoil: Learner | None = None, limit: int = 20_000) -> None:
        """Play until an update is due, which the caller must then make.

        Args:
            others: learners that take in the same messages.
            spoil: another one, whose messages are overwritten once it has taken them in.
            limit: messages after which the test fails.
        """
        if not self.feed_some(limit, *others, spoil=spoil):
            raise AssertionError(
                f"no update was due after {limit} messages with {self.env_steps} rows in all: Learner.ready gave "
                f"{self.learner.ready()}, and Sync.rows_per_iteration is {self.sync.rows_per_iteration}"
            )

    def feed_some(self, messages: int, *others: Learner, spoil: Learner | None = None) -> bool:
        """Play until an update is due, for this many messages at most. Returns whether one is, which the caller must
        then make."""
        # The rule of the training node itself decides when an update is due.
        for _ in range(messages):
            if self._pace.due(self.learner.ready()):
                return True
            client, steps = self._next_message()
            self.env_steps += len(steps)
            self._pace.admitted(len(steps))
            self.sent.append((client, steps))
            for learner in (self.learner, *others):
                learner.add(steps, client)
            if spoil is not None:
                _spoiled(spoil, steps, client)
        return False

    def update(self) -> dict[str, float]:
        """Make one iteration, and load its weights into the clients."""
        metrics = dict(self.learner.update())
        self.iteration += 1
        self._publish()
        self.learner.updated(self.iteration)
        return metrics

    def run(self, updates: int) -> None:
        """Make some iterations."""
        for _ in range(updates):
            self.feed()
            self.update()

    def _next_message(self) -> tuple[str, StepBatch]:
        while not self._waiting:
            self._waiting.extend(self._played())
        client, steps = self._waiting.popleft()
        # As the node does: rows of models that are too old are rejected.
        admitted = steps.segments[:, ITERATION] > self.iteration - self.sync.max_staleness
        return client, message(steps.select(admitted))

    def _played(self) -> Iterator[tuple[str, StepBatch]]:
        """The messages of one step of each client."""
        clients = {name: client for name, client in self.clients.items() if not client.recorder.quota_reached}
        assert clients, "all clients have made their quota and wait for newer weights, and no update is due"
        self._turns += 1
        for name, client in clients.items():
            # 5 and 12 have no common factor, so that late steps and restarts meet in every order.
            client.step(late=self._with_failures and self._turns % 5 == 0)
            steps = client.recorder.take()
            if self._with_failures and self._turns % 12 == 0:
                client.restart()
            if steps is not None:
                yield from ((name, part) for part in self._changed(steps))

    def _publish(self) -> None:
        quota = self.learner.quota()
        assert quota is None or (type(quota) is int and quota > 0), f"quota() is {quota!r}, neither None nor above 0"
        weights = Weights(self.iteration, read_only(self.learner.weights()), self.env_steps, quota)
        for client in self.clients.values():
            client.load(weights)


def copied(arrays: Arrays) -> Arrays:
    """A copy of each array."""
    return {name: np.array(array) for name, array in arrays.items()}


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only copy, like the arrays of decoded messages."""
    copy = np.array(array)
    copy.flags.writeable = False
    return copy


def read_only(arrays: Arrays) -> Arrays:
    """A read-only copy of each array."""
    return {name: frozen(array) for name, array in arrays.items()}


def message(steps: StepBatch) -> StepBatch:
    """A read-only copy, like a decoded message."""
    sparse = {name: Sparse(*map(frozen, column)) for name, column in steps.sparse.items()}
    return StepBatch(frozen(steps.segments), read_only(steps.columns), read_only(steps.after), sparse, steps.closed)


def _spoiled(learner: Learner, steps: StepBatch, client: str) -> None:
    steps = message(steps)
    learner.add(steps, client)
    sparse = [array for column in steps.sparse.values() for array in column]
    for array in (steps.segments, *steps.columns.values(), *steps.after.values(), *sparse):
        array.flags.writeable = True
        array.fill(0)
