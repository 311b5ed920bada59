"""The two loops that the contract tests need, without network, threads or files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from soulsai_core.contracts import Actor, AlgorithmPlugin, Environment, Learner
from soulsai_core.messages import Arrays, EnvSpec, SampleBatch, Transitions, Weights
from soulsai_core.stepping import transitions
from soulsai_core.testing.scripted import ScriptedEnvironment


@dataclass(frozen=True, slots=True)
class Subject:
    """The algorithm under test: it makes learners and actors from seeds."""

    plugin: AlgorithmPlugin
    config: Any
    spec: EnvSpec

    def learner(self, seed: int = 0) -> Learner:
        """A new learner."""
        return self.plugin.learner(self.config, self.spec, np.random.default_rng(seed))

    def actor(self, seed: int = 0) -> Actor:
        """A new actor, still without weights."""
        return self.plugin.actor(self.config, self.spec, np.random.default_rng(seed))

    def rollout(
        self,
        num_envs: int = 1,
        *,
        environment: Environment | None = None,
        seed: int = 0,
        **script: Any,
    ) -> Rollout:
        """A client with the weights of an untrained learner, in an environment of its own unless there is one."""
        environment = environment or ScriptedEnvironment(self.spec, num_envs, seed=seed, **script)
        learner = self.learner()
        rollout = Rollout(self.actor(seed), environment, learner.sync.rows_per_iteration)
        rollout.load(Weights(0, read_only(learner.weights())))
        return rollout

    def masked(self) -> Subject:
        """The same where the environment reports valid actions."""
        return replace(self, spec=msgspec.structs.replace(self.spec, masked=True))


class Rollout:
    """A client's loop: acts, steps, and keeps what the actor gives out.

    Attributes:
        chosen: iteration -> real steps whose action was chosen by it.
        batches: everything that the actor gave out, `rows` in all.
        gathering: rows that an actor may hold back to give them out together.
    """

    def __init__(self, actor: Actor, environment: Environment, gathering: int) -> None:
        self.actor, self.environment = actor, environment
        self.gathering, self.rows = gathering, 0
        self.chosen: Counter[int] = Counter()
        self.batches: list[SampleBatch] = []
        self._before = environment.reset()
        self._weights: Weights | None = None

    def load(self, weights: Weights) -> None:
        """Give the actor weights."""
        self._weights = weights
        self.actor.load(weights)

    def refresh(self) -> None:
        """Give the actor the same arrays as a newer iteration."""
        self.load(self.newer())

    def newer(self) -> Weights:
        """The same arrays as a newer iteration."""
        assert self._weights is not None
        return replace(self._weights, iteration=self._weights.iteration + 1)

    def step(self, meanwhile: Callable[[], None] | None = None) -> None:
        """One step of all rows; `meanwhile` is called while it is under way."""
        assert self._weights is not None
        observations = read_only(self._before.observations)
        actions = self.actor.act(observations, self._before.masks)
        if meanwhile is not None:
            meanwhile()
        after = self.environment.step(actions)
        moved = transitions(self._before, actions, after)
        self._before = after
        if moved is not None:
            self.chosen[self._weights.iteration] += len(moved.rows)
            for array in _arrays_of(moved):
                array.flags.writeable = False
            self.actor.add(moved)
        self.collect()

    def play(self, steps: int) -> None:
        """Many steps; an actor that waits for newer weights gets some."""
        for _ in range(steps):
            if not self.actor.ready():
                self.refresh()
            self.step()

    def cut(self) -> None:
        """The environment fails and is started again."""
        self.actor.cut()
        self.collect()
        self._before = self.environment.reset()

    def settle(self) -> None:
        """Cut the episodes, and where the actor gathers a fixed number of rows, go on until it has them."""
        self.cut()
        for _ in range(2 * self.gathering + 10):
            if self.rows >= self.chosen.total() or not self.actor.ready():
                break
            self.step()

    def collect(self) -> None:
        """Take what is finished."""
        batch = self.actor.take()
        if batch is not None:
            assert len(batch), "take() gave a batch without rows; it shall give None"
            self.batches.append(batch)
            self.rows += len(batch)

    def stamps(self) -> Counter[int]:
        """Iteration -> rows given out with its stamp."""
        return Counter(int(stamp) for batch in self.batches for stamp in batch.iteration)


class Training:
    """A node's loop around one learner, and others that are given the same."""

    def __init__(self, subject: Subject, learner: Learner | None = None, *, num_envs: int = 1) -> None:
        self.learner = learner or subject.learner()
        self.iteration = 0
        names = [f"client-{index}" for index in range(max(1, self.learner.sync.required_clients))]
        self.clients = {name: subject.rollout(num_envs, seed=seed) for seed, name in enumerate(names)}
        self.learner.started(resumed=False)
        self.learner.clients_changed(frozenset(names))
        self._publish()

    def feed(self, *others: Learner, spoil: Learner | None = None, limit: int = 100_000) -> None:
        """Play until the learner is ready; `spoil` gets the same messages, overwritten once it has taken them in."""
        for _ in range(limit):
            if self.learner.ready():
                return
            for client, batch in self._samples():
                for learner in (self.learner, *others):
                    learner.add(_message(batch), client)
                if spoil is not None:
                    _spoiled(spoil, batch, client)
        raise AssertionError(f"the learner was not ready after {limit} steps of each client")

    def update(self) -> dict[str, float]:
        """One iteration, and its weights for the clients."""
        metrics = dict(self.learner.update())
        self.iteration += 1
        self._publish()
        self.learner.updated(self.iteration)
        return metrics

    def run(self, updates: int) -> None:
        """Some iterations."""
        for _ in range(updates):
            self.feed()
            self.update()

    def _samples(self) -> Iterator[tuple[str, SampleBatch]]:
        ready = {name: client for name, client in self.clients.items() if client.actor.ready()}
        assert ready, "no actor is ready before newer weights come, and the learner waits for more samples"
        for name, client in ready.items():
            client.batches.clear()
            client.step()
            yield from ((name, batch) for batch in client.batches)

    def _publish(self) -> None:
        weights = Weights(self.iteration, read_only(self.learner.weights()))
        for client in self.clients.values():
            client.load(weights)


def read_only(arrays: Arrays) -> Arrays:
    """Copies that cannot be written to, as decoded messages are."""
    copies = {name: np.array(array) for name, array in arrays.items()}
    for array in copies.values():
        array.flags.writeable = False
    return copies


def _message(batch: SampleBatch) -> SampleBatch:
    arrays = read_only({"iteration": batch.iteration})
    return SampleBatch(arrays["iteration"], read_only(batch.columns))


def _spoiled(learner: Learner, batch: SampleBatch, client: str) -> None:
    message = _message(batch)
    learner.add(message, client)
    for array in (message.iteration, *message.columns.values()):
        array.flags.writeable = True
        array.fill(0)


def _arrays_of(moved: Transitions) -> Iterator[np.ndarray]:
    yield from moved.observations.values()
    yield from moved.next_observations.values()
    for array in (moved.actions, moved.rewards, moved.terminated, moved.truncated, moved.masks, moved.next_masks):
        if array is not None:
            yield array
