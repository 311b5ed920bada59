"""Right plugins of each kind, small, of which each mistake is a variation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from pydantic import Field

from soulsai_core import (
    AlgorithmPlugin,
    ArraySpec,
    ConnectorPlugin,
    Discrete,
    Environment,
    EnvironmentPlugin,
    EnvSpec,
    NetworkPlugin,
    Settings,
    Step,
    Sync,
    WrapperPlugin,
    hookimpl,
)
from soulsai_core.plugins.examples import linear_q

LINEAR = linear_q.Config(features=8, batches=1, rows=8, warm_up=8, memory=200)
SPEC = EnvSpec("corridor", {"observation": ArraySpec((3,), "float32", 0.0, 1.0)}, Discrete(2))


class LinearConfig(linear_q.Config):
    """linear_q's settings, with an update after few rows."""

    features: int = Field(default=8, description="Number of random Fourier features.")
    batches: int = Field(default=1, description="Batches replayed in an update.")
    rows: int = Field(default=8, description="New rows for each update.")
    warm_up: int = Field(default=8, description="Rows before the first update.")
    memory: int = Field(default=200, description="Rows kept for replay.")


class Empty(Settings):
    """No settings."""


class Corridor(Environment):
    """Two rows; an episode has five steps."""

    num_envs = 2

    def __init__(self, config: Any = None, seed: int | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._age = 0

    def reset(self) -> Step:
        self._age = 0
        return self.moved()

    def step(self, actions: np.ndarray) -> Step:
        self._age += 1
        if self._age < 5:
            return self.moved(rewards=np.ones(2, np.float32))
        self._age = 0
        last = self.seen()
        ended = np.ones(2, np.bool_)
        return self.moved(terminated=ended, final={row: {"observation": last[row]} for row in range(2)})

    def seen(self) -> np.ndarray:
        return self._rng.random((2, 3), np.float32)

    def moved(self, **changes: Any) -> Step:
        flags = np.zeros(2, np.bool_)
        values: dict[str, Any] = {
            "observations": {"observation": self.seen()},
            "rewards": np.zeros(2, np.float32),
            "terminated": flags,
            "truncated": flags.copy(),
        }
        return Step(**{**values, **changes})

    def close(self) -> None:
        """Nothing to close."""


class Note:
    """A connector that keeps what it is told."""

    def __init__(self, config: Any = None, context: Any = None) -> None:
        self.returns: list[float] = []

    @hookimpl
    def episode_finished(self, episode: Any) -> None:
        self.returns.append(episode.total_reward)

    @hookimpl
    def model_updated(self, iteration: int) -> None:
        """Nothing to do."""


def build(config: Any, shapes: Any, generator: Any) -> Any:
    """A network: one dense layer."""
    import torch

    class Dense(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.width = 4
            self.dense = torch.nn.Linear(shapes["observation"][0], 4)

        def forward(self, inputs: Any) -> Any:
            return self.dense(inputs["observation"])

    return Dense()


def wrap(env: gymnasium.Env, config: Any) -> gymnasium.Env:
    """A wrapper that changes nothing."""
    return gymnasium.Wrapper(env)


algorithm = AlgorithmPlugin(
    "mine",
    LinearConfig,
    lambda config: Sync(max_staleness=50, rows_per_iteration=config.rows),
    linear_q.LinearLearner,
    linear_q.LinearActor,
)
environment = EnvironmentPlugin("mine", Empty, lambda config: SPEC, Corridor)
connector = ConnectorPlugin("mine", Empty, Note)
network = NetworkPlugin("mine", Empty, build)
wrapper = WrapperPlugin("mine", Empty, wrap)
RIGHT = {
    "algorithm": algorithm,
    "environment": environment,
    "connector": connector,
    "network": network,
    "wrapper": wrapper,
}


def changed(base: type, **methods: Any) -> Any:
    """A subclass with other methods; what is no function is what they return."""
    functions = {name: m if callable(m) else lambda self, *a, m=m, **k: m for name, m in methods.items()}
    return type("Changed", (base,), functions)


def learner(**methods: Any) -> AlgorithmPlugin:
    return replace(algorithm, learner=changed(linear_q.LinearLearner, **methods))


def actor(**methods: Any) -> AlgorithmPlugin:
    return replace(algorithm, actor=changed(linear_q.LinearActor, **methods))


def game(spec: EnvSpec = SPEC, **methods: Any) -> EnvironmentPlugin:
    return replace(environment, spec=lambda config: spec, make=changed(Corridor, **methods))


def note(**methods: Any) -> ConnectorPlugin:
    return replace(connector, make=changed(Note, **methods))
