"""Tries an algorithm: the spaces that it serves, a short training, its checkpoint and its speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from soulsai_core.contracts import AlgorithmPlugin
from soulsai_core.errors import PluginError, SpaceError
from soulsai_core.messages import EnvSpec
from soulsai_core.plugins.findings import OK, WARNING, Finding
from soulsai_core.testing.rollout import Subject, Training, copied
from soulsai_core.testing.spaces import SPACES

STEPS = 100
"""Environment steps with a trained model at the end of the trial."""

PATIENCE_S = 12.0
"""Seconds in which the first update must be due."""

_MOST_ROWS = 50_000
_UPDATES = 3
_UPDATING_S = 4.0
"""Updates that are made, and seconds after which no further one is begun."""


def try_algorithm(plugin: AlgorithmPlugin, config: Any, spec: EnvSpec | None = None) -> Iterator[Finding]:
    """Try an algorithm, in this environment's spaces or in all that there are."""
    sync = plugin.sync(config)
    yield Finding(
        "settings", OK, f"An update for {sync.rows_per_iteration} rows, of the {sync.max_staleness} newest models."
    )
    served, refused = _served(plugin, config, {spec.name: spec} if spec else SPACES)
    if not served:
        raise PluginError(f"The algorithm {plugin.name!r} serves none of these spaces. {'; '.join(refused.values())}")
    refusal = f" It refuses: {', '.join(refused)}." if refused else ""
    yield Finding("spaces", OK, f"It serves: {', '.join(served)}.{refusal}")
    subject = Subject(plugin, config, served[next(iter(served))])
    training = Training(subject, num_envs=2)
    yield from _updates(training, plugin)
    yield from _checkpoint(subject, training)
    yield _speed(subject, training)


def _served(
    plugin: AlgorithmPlugin, config: Any, spaces: dict[str, EnvSpec]
) -> tuple[dict[str, EnvSpec], dict[str, str]]:
    """The spaces that both halves serve, and the sentence with which others are refused."""
    served = {}
    refused = {}
    for name, spec in spaces.items():
        subject = Subject(plugin, config, spec)
        answers = [_refusal(subject.learner), _refusal(subject.actor)]
        if answers == [None, None]:
            served[name] = spec
        elif None in answers:
            halves = ("learner", "actor") if answers[0] is None else ("actor", "learner")
            raise PluginError(
                f"The algorithm {plugin.name!r} has a mistake: its {halves[0]} serves the spaces {name!r} and its "
                f"{halves[1]} refuses them: {answers[0] or answers[1]}"
            )
        else:
            refused[name] = str(answers[0])
    return served, refused


def _refusal(make: Callable[[], object]) -> str | None:
    try:
        make()
    except SpaceError as error:
        return str(error)
    return None


def _updates(training: Training, plugin: AlgorithmPlugin) -> Iterator[Finding]:
    before = copied(training.learner.weights())
    rows = _rows_of_first_update(training, plugin)
    report = training.update()
    began = time.monotonic()
    updates = 1
    while updates < _UPDATES and time.monotonic() - began < _UPDATING_S and training.feed_some(_MOST_ROWS):
        training.update()
        updates += 1
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in report.items()) or "nothing"
    yield Finding("updates", OK, f"The first update is due after {rows} rows, and reports {numbers}.")
    if all(np.array_equal(before[name], array) for name, array in training.learner.weights().items()):
        yield Finding("learning", WARNING, f"Learner.weights are the same after {updates} updates: nothing is learned.")


def _rows_of_first_update(training: Training, plugin: AlgorithmPlugin) -> int:
    """Play until an update is due. Returns the rows that it took."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and training.env_steps < _MOST_ROWS:
        if training.feed_some(STEPS):
            return training.env_steps
    raise PluginError(
        f"The algorithm {plugin.name!r} makes no update: Learner.ready gave {training.learner.ready()} after "
        f"{training.env_steps} rows, where it must give True or None once there are enough; "
        f"Sync.rows_per_iteration is {training.sync.rows_per_iteration}, Learner.quota gave {training.learner.quota()}."
    )


def _checkpoint(subject: Subject, training: Training) -> Iterator[Finding]:
    loaded = subject.learner(seed=99)
    loaded.load(training.learner.save())
    ours = training.learner.weights()
    other = [name for name, array in loaded.weights().items() if not np.array_equal(array, ours[name])]
    if other:
        raise PluginError(
            f"The algorithm {subject.plugin.name!r} has a mistake: after Learner.load of what Learner.save gave, "
            f"Learner.weights has other numbers in {', '.join(other)} than before."
        )
    yield Finding("checkpoint", OK, "A learner that was saved and loaded has the same weights.")


def _speed(subject: Subject, training: Training) -> Finding:
    """The time of 100 steps with a trained model, of which one is the actor's."""
    actor = subject.actor(explore=False)
    weights = next(iter(training.clients.values())).weights
    assert weights is not None
    actor.load(weights)
    rollout = subject.rollout(1)
    observations = rollout.environment.reset().observations
    starts = np.ones(1, np.bool_)
    began = time.perf_counter()
    for _ in range(STEPS):
        actor.act(observations, None, starts)
    microseconds = (time.perf_counter() - began) / STEPS * 1e6
    return Finding("acting", OK, f"{STEPS} actions took {microseconds:.0f} µs each.")
