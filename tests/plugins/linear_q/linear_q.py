"""Q-learning, linear in random Fourier features (Rahimi and Recht 2007), for one vector and discrete actions."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from soulsai_core import (
    Actor,
    AlgorithmPlugin,
    Arrays,
    ArraySpec,
    CheckpointError,
    Discrete,
    EnvSpec,
    Learner,
    SampleBatch,
    SpaceError,
    State,
    Sync,
    Transitions,
    Weights,
)


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    features: int = Field(default=200, ge=1, description="Number of random Fourier features.")
    width: float = Field(default=0.5, gt=0, description="Spread of their frequencies on whitened observations.")
    gamma: float = Field(default=0.97, gt=0, le=1, description="Discount of one step.")
    step_size: float = Field(default=0.2, gt=0, description="Share of an error that is corrected, for a batch of one.")
    batch_size: int = Field(default=32, ge=1, description="Rows replayed at once.")
    batches: int = Field(default=32, ge=1, description="Batches replayed in an update.")
    rows: int = Field(default=64, ge=1, description="New rows before an update.")
    memory: int = Field(default=20_000, ge=1, description="Rows remembered.")
    warm_up: int = Field(default=500, ge=1, description="Rows before the first update, which whitens by them.")
    explore_steps: int = Field(default=2_000, ge=1, description="Steps in which exploration falls from 1 to 0.02.")


def check(spec: EnvSpec) -> tuple[int, int]:
    """Length of the observation and number of actions."""
    part = spec.observations.get("observation")
    if part is None or len(part.shape) != 1 or not isinstance(spec.action, Discrete):
        raise SpaceError(f"linear_q serves one vector and discrete actions, which {spec.name} does not have.")
    return part.shape[0], spec.action.n


def features(model: Arrays, x: np.ndarray) -> np.ndarray:
    """(n, size) -> (n, features), each row of length about 1."""
    x = (x - model["mean"]) / model["spread"]
    return np.cos(x @ model["frequency"] + model["phase"]) * np.sqrt(2 / len(model["phase"]))


class LinearActor(Actor):
    def __init__(self, config: Config, spec: EnvSpec, rng: np.random.Generator) -> None:
        self._size, self._actions = check(spec)
        self._config, self._rng = config, rng
        self._rows: list[SampleBatch] = []

    def load(self, weights: Weights) -> None:
        self._weights = weights
        self._epsilon = max(1 - weights.env_steps / self._config.explore_steps, 0.02)

    def act(self, observations: Arrays, masks: np.ndarray | None) -> np.ndarray:
        model = self._weights.arrays
        values = features(model, observations["observation"]) @ model["q"]
        explore = self._rng.random(len(values)) < self._epsilon
        values[explore] = self._rng.random((len(values), self._actions))[explore]
        if masks is not None:
            values = np.where(masks | ~masks.any(1, keepdims=True), values, -np.inf)
        return values.argmax(1)

    def add(self, transitions: Transitions) -> None:
        t = transitions
        columns: Arrays = {
            "observation": t.observations["observation"].astype(np.float32),
            "action": t.actions.astype(np.int64),
            "reward": t.rewards.astype(np.float32),
            "terminated": t.terminated.copy(),
            "next_observation": t.next_observations["observation"].astype(np.float32),
        }
        self._rows.append(SampleBatch(np.full(len(t.rows), self._weights.iteration), columns))

    def take(self) -> SampleBatch | None:
        rows, self._rows = self._rows, []
        if not rows:
            return None
        columns = {name: np.concatenate([row.columns[name] for row in rows]) for name in rows[0].columns}
        return SampleBatch(np.concatenate([row.iteration for row in rows]), columns)

    def cut(self) -> None:
        """Each row is complete by itself."""


class LinearLearner(Learner):
    def __init__(self, config: Config, spec: EnvSpec, rng: np.random.Generator) -> None:
        size, actions = check(spec)
        vector, number = ArraySpec((size,), "float32"), ArraySpec((), "float32")
        self.sync = Sync(max_staleness=3, rows_per_iteration=config.rows)
        self.columns = {"observation": vector, "action": ArraySpec((), "int64", 0, actions - 1), "reward": number}
        self.columns |= {"terminated": ArraySpec((), "bool"), "next_observation": vector}
        self._config, self._rng, self._fresh = config, rng, 0
        self._memory = {name: np.zeros((0, *spec.shape), spec.dtype) for name, spec in self.columns.items()}
        frequency = rng.normal(scale=config.width, size=(size, config.features))
        self._model = {"frequency": frequency, "phase": rng.uniform(0, 2 * np.pi, config.features)}
        self._model |= {"mean": np.zeros(size), "spread": np.ones(size), "q": np.zeros((config.features, actions))}

    def add(self, batch: SampleBatch, client: str) -> None:
        for name, rows in self._memory.items():
            self._memory[name] = np.concatenate([rows, batch.columns[name]])[-self._config.memory :]
        self._fresh += len(batch)

    def ready(self) -> bool:
        return self._fresh >= self._config.rows and len(self._memory["reward"]) >= self._config.warm_up

    def update(self) -> dict[str, float]:
        self._fresh = 0
        if not self._model["q"].any():
            seen = self._memory["observation"].astype(float)
            self._model |= {"mean": seen.mean(0), "spread": seen.std(0) + 1e-6}
        return {"error": float(np.mean([self._replay() for _ in range(self._config.batches)]))}

    def _replay(self) -> float:
        drawn = self._rng.integers(len(self._memory["reward"]), size=self._config.batch_size)
        rows, q = {name: column[drawn] for name, column in self._memory.items()}, self._model["q"]
        x, action = features(self._model, rows["observation"]), rows["action"]
        following = (features(self._model, rows["next_observation"]) @ q).max(1)
        error = rows["reward"] + self._config.gamma * ~rows["terminated"] * following - (x @ q)[range(len(x)), action]
        np.add.at(q.T, action, self._config.step_size / len(x) ** 0.5 * error[:, None] * x)
        return float(np.abs(error).mean())

    def weights(self) -> Arrays:
        return {name: array.copy() for name, array in self._model.items()}

    def save(self, *, buffer: bool) -> State:
        values = {"fresh": self._fresh, "rng": self._rng.bit_generator.state}
        return State({"model": self.weights(), "memory": dict(self._memory) if buffer else {}}, values)

    def load(self, state: State) -> None:
        try:
            model, memory = state.arrays["model"], state.arrays["memory"]
            self._fresh, self._rng.bit_generator.state = state.values["fresh"], state.values["rng"]
        except KeyError as error:
            raise CheckpointError(f"This is not a checkpoint of linear_q: it has no {error}.") from error
        self._model = {name: array.copy() for name, array in model.items()}
        self._memory |= {name: rows.copy() for name, rows in memory.items()}


plugin = AlgorithmPlugin(name="linear_q", config=Config, learner=LinearLearner, actor=LinearActor)
