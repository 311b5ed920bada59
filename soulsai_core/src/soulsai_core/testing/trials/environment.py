"""Tries an environment: its spec, 100 steps or more of random actions, its seeds and its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from soulsai_core.contracts import Environment, EnvironmentPlugin
from soulsai_core.messages import EnvSpec, Step
from soulsai_core.plugins.checks.checker import values_flaw
from soulsai_core.plugins.findings import OK, WARNING, Finding
from soulsai_core.testing.arrays import draw_actions

STEPS = 100
MOST_STEPS = 5_000
PATIENCE_S = 8.0
"""Steps that are tried at least, and steps and seconds in which an episode should end."""


def try_environment(plugin: EnvironmentPlugin, config: Any, patience: float = PATIENCE_S) -> Iterator[Finding]:
    """Try an environment with random actions, for `patience` seconds until the first episode ends."""
    spec = plugin.spec(config)
    plugin.spec(config)  # a checked one refuses another EnvSpec at its second call
    yield Finding("spaces", OK, f"{spec.name}: {described(spec)}.")
    environment = plugin.make(config, 0)
    try:
        yield from _play(environment, spec, patience)
    finally:
        environment.close()
        environment.close()
    yield _seeds(plugin, config, spec)


def described(spec: EnvSpec) -> str:
    """Observations and actions in a few words."""
    parts = ", ".join(f"{name} {part.dtype} {part.shape}" for name, part in spec.observations.items())
    extras = [name for name, there in (("masks", spec.masked), ("durations", spec.timed)) if there]
    return f"{parts}; actions {spec.action}" + (f"; with {' and '.join(extras)}" if extras else "")


def _play(environment: Environment, spec: EnvSpec, patience: float) -> Iterator[Finding]:
    """Random actions until an episode has ended."""
    rng = np.random.default_rng(0)
    began = time.perf_counter()
    step = environment.reset()
    times = [time.perf_counter() - began]
    returns = np.zeros(environment.num_envs)
    ended: list[float] = []
    unfit: dict[str, str] = {}  # what has values that are not learned from -> a sentence on the first of them
    times_unfit: Counter[str] = Counter()
    while len(times) <= STEPS or (not ended and len(times) <= MOST_STEPS and time.perf_counter() - began < patience):
        asked = time.perf_counter()
        step = environment.step(draw_actions(spec.action, step.masks, environment.num_envs, rng))
        times.append(time.perf_counter() - asked)
        for what, sentence in _unfit(step, spec):
            unfit.setdefault(what, sentence)
            times_unfit[what] += 1
        returns += step.rewards
        ends = step.terminated | step.truncated
        ended += returns[ends].tolist()
        returns[ends] = 0.0
    yield _speed(environment, times)
    for what, sentence in unfit.items():
        often = f"{sentence}, and such values in {times_unfit[what]:,} of {len(times) - 1:,} steps"
        yield Finding("values", WARNING, f"{often}. Rows with them are not learned from.")
    yield _episodes(ended, len(times) - 1)


def _speed(environment: Environment, times: list[float]) -> Finding:
    """`times` are the seconds of the reset and of each step."""
    reset, *steps = times
    rate = len(steps) * environment.num_envs / sum(steps)
    return Finding(
        "steps",
        OK,
        f"{len(steps)} random steps, {rate:,.0f}/s; the slowest took {max(steps):.2g} s, the reset {reset:.2g} s.",
    )


def _episodes(returns: list[float], steps: int) -> Finding:
    if returns:
        return Finding("episodes", OK, f"{len(returns)} ended; the return of the first is {returns[0]:.4g}.")
    return Finding(
        "episodes",
        WARNING,
        f"No episode ended in {steps} random steps. If none ever does, nothing is known of the return: "
        "Environment.step must set `terminated` or `truncated`.",
    )


def _unfit(step: Step, spec: EnvSpec) -> Iterator[tuple[str, str]]:
    """What has values that are not learned from, and the beginning of a sentence on them."""
    if not np.isfinite(step.rewards).all():
        yield "reward", f"Environment.step gave the rewards {step.rewards.tolist()}"
    for name, part in spec.observations.items():
        flaw = values_flaw({name: step.observations[name]}, {name: part})
        if flaw is not None:
            yield name, f"Environment.step gave {flaw[0]} instead of {flaw[1]}"


def _seeds(plugin: EnvironmentPlugin, config: Any, spec: EnvSpec) -> Finding:
    """Whether the same seed gives the same episode."""
    first, second = (_observations(lambda: plugin.make(config, 7), spec) for _ in range(2))
    pairs = zip(first, second, strict=True)
    if all(np.array_equal(one, other, equal_nan=one.dtype.kind == "f") for one, other in pairs):
        return Finding("seeds", OK, "The same seed and actions give the same observations.")
    return Finding("seeds", WARNING, "The same seed and actions give other observations: a run cannot be repeated.")


def _observations(make: Callable[[], Environment], spec: EnvSpec) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    environment = make()
    try:
        step = environment.reset()
        seen = list(step.observations.values())
        for _ in range(20):
            step = environment.step(draw_actions(spec.action, step.masks, environment.num_envs, rng))
            seen += step.observations.values()
        return seen
    finally:
        environment.close()
