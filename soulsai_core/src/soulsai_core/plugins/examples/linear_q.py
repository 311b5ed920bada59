"""Q-learning, linear in random Fourier features (Rahimi and Recht 2007), for one vector and discrete actions."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from soulsai_core import (
    Actor,
    AlgorithmPlugin,
    Arrays,
    CheckpointError,
    Discrete,
    EnvSpec,
    Learner,
    Settings,
    SpaceError,
    State,
    StepBatch,
    Sync,
    Weights,
)


class Config(Settings):
    features: int = Field(default=200, ge=1, description="Number of random Fourier features.")
    width: float = Field(default=0.5, gt=0, description="Spread of their frequencies on whitened observations.")
    gamma: float = Field(default=0.97, gt=0, le=1, description="Discount of one step.")
    step_size: float = Field(default=0.2, gt=0, description="Share of an error that a batch of one row corrects.")
    batch_size: int = Field(default=32, ge=1, description="Rows replayed at once.")
    batches: int = Field(default=32, ge=1, description="Batches replayed in an update.")
    rows: int = Field(default=64, ge=1, description="New rows for each update.")
    memory: int = Field(default=20_000, ge=1, description="Rows kept for replay.")
    warm_up: int = Field(default=500, ge=1, description="Rows before the first update, which whitens with them.")
    explore_steps: int = Field(default=2_000, ge=1, description="Steps over which exploration falls from 1 to 0.02.")


def check(spec: EnvSpec) -> tuple[int, int]:
    """Length of the observation and number of actions."""
    part = spec.observations.get("observation")
    if part is None or len(part.shape) != 1 or not isinstance(spec.action, Discrete):
        raise SpaceError(f"linear_q needs one vector and discrete actions, which {spec.name} does not have.")
    return part.shape[0], spec.action.n


def features(model: Arrays, x: np.ndarray) -> np.ndarray:
    """(n, size) -> (n, features), each row of length about 1."""
    whitened = (x - model["mean"]) / model["spread"]
    return np.cos(whitened @ model["frequency"] + model["phase"]) * np.sqrt(2 / len(model["phase"]))


class LinearActor(Actor):
    """The client's half: epsilon-greedy actions with the newest weights."""

    def __init__(self, config: Config, spec: EnvSpec, rng: np.random.Generator, explore: bool) -> None:
        check(spec)
        self._config = config
        self._rng = rng
        self._explore = explore

    def load(self, weights: Weights) -> None:
        self._model = weights.arrays
        self._epsilon = max(1 - weights.env_steps / self._config.explore_steps, 0.02) if self._explore else 0.0

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> tuple[np.ndarray, Arrays]:
        values = features(self._model, observations["observation"]) @ self._model["q"]
        explore = self._rng.random(len(values)) < self._epsilon
        values[explore] = self._rng.random((len(values), values.shape[1]))[explore]
        if masks is not None:
            values = np.where(masks, values, -np.inf)
        return values.argmax(1), {}


class LinearLearner(Learner):
    """The training node's half: replays one-step transitions and corrects the linear weights."""

    def __init__(self, config: Config, spec: EnvSpec, rng: np.random.Generator) -> None:
        size, actions = check(spec)
        self._config = config
        self._rng = rng
        self._memory: Arrays = {}
        self._rows = 0
        frequency = rng.normal(scale=config.width, size=(size, config.features))
        self._model: Arrays = {"frequency": frequency, "phase": rng.uniform(0, 2 * np.pi, config.features)}
        self._model |= {"mean": np.zeros(size), "spread": np.ones(size), "q": np.zeros((config.features, actions))}

    def add(self, steps: StepBatch, client: str) -> None:
        self._rows += len(steps)
        t = steps.transitions()
        valid = np.zeros((len(t), self._model["q"].shape[1]), bool) if t.next_masks is None else t.next_masks
        valid = valid | ~valid.any(1, keepdims=True)  # without a mask, all actions are valid
        rows = {"x": t.observations["observation"], "action": t.actions, "reward": t.rewards}
        rows |= {"next_x": t.next_observations["observation"], "going": ~t.terminated, "next_mask": valid}
        for name, new in rows.items():
            self._memory[name] = np.concatenate([self._memory.get(name, new[:0]), new])[-self._config.memory :]

    def reach(self) -> int:
        return min(self._rows, self._config.memory)  # the journal brings them back: checkpoints do not hold them

    def restore(self, steps: StepBatch, client: str) -> None:
        self.add(steps, client)
        self._rows -= len(steps)

    def capacity(self) -> int:
        return self._config.memory  # rows of another run are added as if they were of this one

    def ready(self) -> bool | None:
        # None leaves the count to the node: one update for each `Sync.rows_per_iteration` rows.
        return None if len(self._memory.get("reward", ())) >= self._config.warm_up else False

    def update(self) -> dict[str, float]:
        if not self._model["q"].any():
            seen = self._memory["x"].astype(float)
            self._model |= {"mean": seen.mean(0), "spread": seen.std(0) + 1e-6}
        return {"error": float(np.mean([self._replay() for _ in range(self._config.batches)]))}

    def _replay(self) -> float:
        drawn = self._rng.integers(len(self._memory["reward"]), size=self._config.batch_size)
        rows = {name: column[drawn] for name, column in self._memory.items()}
        q = self._model["q"]
        x = features(self._model, rows["x"])
        action = rows["action"]
        following = np.where(rows["next_mask"], features(self._model, rows["next_x"]) @ q, -1e9).max(1)
        target = rows["reward"] + self._config.gamma * np.where(rows["going"], following, 0)
        error = target - (x @ q)[range(len(x)), action]
        # `add.at` adds up rows of the same action, which `q.T[action] += ...` would overwrite.
        np.add.at(q.T, action, self._config.step_size / len(x) ** 0.5 * error[:, None] * x)
        return float(np.abs(error).mean())

    def weights(self) -> Arrays:
        return {name: array.copy() for name, array in self._model.items()}

    def save(self) -> State:
        return State({"model": self.weights()}, {"rng": self._rng.bit_generator.state, "rows": self._rows})

    def load(self, state: State) -> None:
        try:
            self._model = {name: array.copy() for name, array in state.arrays["model"].items()}
            self._rng.bit_generator.state = state.values["rng"]
            self._rows = state.values["rows"]
        except KeyError as error:
            raise CheckpointError(f"This is not a checkpoint of linear_q: it has no {error}.") from error


def sync(config: Config) -> Sync:
    """Steps of the three newest models are learned from; each `rows` of them make an update."""
    return Sync(max_staleness=3, rows_per_iteration=config.rows)


plugin = AlgorithmPlugin(name="linear_q", config=Config, sync=sync, learner=LinearLearner, actor=LinearActor)
