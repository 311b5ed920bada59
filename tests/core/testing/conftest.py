"""A small but complete algorithm in numpy: a linear Q-function, three-step returns, momentum, replay. It can be told
to make one mistake, so that the contract tests can be seen to fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from soulsai_core.contracts import Actor, AlgorithmPlugin, Learner, Sync
from soulsai_core.errors import CheckpointError, SpaceError
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec, SampleBatch, State
from soulsai_core.testing.algorithm import SPACES
from soulsai_core.testing.rollout import Subject

N_STEP, GAMMA = 3, 0.9


class TinyConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(default=8, description="rows an update")
    clients: int = Field(default=2, description="clients that must be there")
    mistake: str = Field(default="", description="what to do wrong")


def size_of(spec, mistake=""):
    vector = spec.observations.get("observation")
    if not isinstance(spec.action, Discrete) or vector is None or len(vector.shape) != 1:
        if mistake != "refuses without a sentence":
            raise SpaceError(f"tiny serves one vector and Discrete actions, not {spec.name}")
        raise KeyError("observation")
    return vector.shape[0]


class TinyActor(Actor):
    def __init__(self, config, spec, rng):
        self.mistake = config.mistake
        if self.mistake != "actor serves everything":
            size_of(spec, self.mistake)
        self.spec, self.rng = spec, rng
        self.pending, self.done = {}, []
        self.chosen_by = 0

    def load(self, weights):
        self.weights = weights

    def prepare(self, weights):
        if self.mistake == "loads what is prepared":
            self.weights = weights
        if self.mistake == "stamps what is prepared":
            self.weights = replace(self.weights, iteration=weights.iteration)

    def act(self, observations, masks):
        if self.mistake == "global random":
            self.rng = np.random.default_rng()
        n = self.spec.action.n
        values = observations["observation"] @ self.weights.arrays["q"] + self.rng.normal(size=(1, n))
        if masks is not None and self.mistake != "no masks":
            useful = masks.any(axis=1)
            if self.mistake == "masks judged by batch" and not useful.all():
                useful[:] = False
            values = np.where(masks | ~useful[:, None], values, -np.inf)
        actions = values.argmax(axis=1)
        return actions.astype(np.int32) if self.mistake == "int32 actions" else actions

    def add(self, moved):
        if self.mistake == "changes what it is given":
            moved.rewards *= 2
        for i, row in enumerate(moved.rows.tolist()):
            waiting = self.pending.setdefault(row, [])
            here = moved.observations["observation"][i], moved.actions[i : i + 1], self.weights.iteration
            waiting.append([*here, 0.0, 0, None, 0.0])
            for fold in waiting:
                fold[3] += GAMMA ** fold[4] * float(moved.rewards[i])
                fold[4] += 1
                fold[5] = moved.next_observations["observation"][i]
                fold[6] = 0.0 if moved.terminated[i] else GAMMA ** fold[4]
            cut = moved.truncated[i] and self.mistake != "folds over truncation"
            self.finish(row, bool(moved.terminated[i] or cut))

    def finish(self, row, ended):
        waiting = self.pending[row]
        if ended and self.mistake == "loses the tail":
            del waiting[1:]
        while waiting and (ended or waiting[0][4] == N_STEP):
            self.done.append(waiting.pop(0))

    def cut(self):
        for row in self.pending:
            if self.mistake == "loses the cut":
                self.pending[row].clear()
            else:
                self.finish(row, True)

    def take(self):
        if not self.done and self.mistake != "empty batch":
            return None
        rows, self.done = self.done, self.done if self.mistake == "gives twice" else []
        stamp = [self.weights.iteration if self.mistake == "stamps when given" else row[2] for row in rows]
        size = self.spec.observations["observation"].shape[0]
        dtype = np.float64 if self.mistake == "float64" else np.float32
        columns = {
            "observation": np.array([row[0] for row in rows], dtype).reshape(-1, size),
            "action": np.array([row[1][0] for row in rows], np.int64),
            "returns": np.array([row[3] for row in rows], np.float32),
            "discount": np.array([row[6] for row in rows], np.float32),
            "next_observation": np.array([row[5] for row in rows], np.float32).reshape(-1, size),
        }
        batch = SampleBatch(np.array(stamp, np.int64), columns)
        if self.mistake == "changes what it gave":
            if getattr(self, "last", None) is not None:
                self.last.columns["returns"][:] = 0
            self.last = batch
        return batch

    def metrics(self):
        return {"epsilon": float("nan" if self.mistake == "nan metric" else 0.1)}


class TinyLearner(Learner):
    def __init__(self, config, spec, rng):
        size = size_of(spec, config.mistake)
        self.mistake, self.rng = config.mistake, rng
        if self.mistake == "unseeded learner":
            rng = np.random.default_rng()
        self.sync = Sync(3, config.rows, config.clients)
        vector, number = ArraySpec((size,), "float32"), ArraySpec((), "float32")
        columns = {"observation": vector, "action": ArraySpec((), "int64"), "returns": number}
        self.columns = {**columns, "discount": number, "next_observation": vector}
        self.q = rng.normal(size=(size, spec.action.n)) * 0.1
        self.momentum = np.zeros_like(self.q)
        self.memory = {name: np.zeros((0, *s.shape), s.dtype) for name, s in self.columns.items()}
        self.views, self.fresh = [], 0

    def add(self, batch, client):
        self.views.append(batch.columns)
        if self.mistake != "keeps views":
            self.gather()
        self.fresh += len(batch)

    def gather(self):
        for columns in self.views:
            self.memory = {name: np.concatenate([kept, columns[name]]) for name, kept in self.memory.items()}
        self.views.clear()

    def ready(self):
        return self.fresh >= self.sync.rows_per_iteration or self.mistake == "always ready"

    def update(self):
        self.gather()
        self.fresh = 0
        rows = self.rng.integers(len(self.memory["action"]), size=8)
        m = {name: column[rows] for name, column in self.memory.items()}
        target = m["returns"] + m["discount"] * (m["next_observation"] @ self.q).max(axis=1)
        error = np.clip((m["observation"] @ self.q)[np.arange(8), m["action"]] - target, -1, 1)
        slope = np.zeros_like(self.q)
        np.add.at(slope.T, m["action"], m["observation"] * error[:, None])
        self.momentum = 0.9 * self.momentum + slope
        if self.mistake != "does not learn":
            self.q -= 0.001 * self.momentum
        return {"loss": float("inf") if self.mistake == "infinite loss" else float((error**2).mean())}

    def weights(self):
        return {"q": self.q if self.mistake == "aliases weights" else self.q.copy()}

    def save(self, *, buffer):
        optimizer = {} if self.mistake == "forgets momentum" else {"momentum": self.momentum}
        memory = dict(self.memory) if buffer and self.mistake != "forgets replay" else {}
        network = {"q": self.q if self.mistake == "aliases state" else self.q.copy()}
        values = {"rng": self.rng.bit_generator.state, "fresh": self.fresh}
        if self.mistake == "forgets random state":
            del values["rng"]
        if self.mistake == "numpy values":
            values["fresh"] = np.int64(self.fresh)
        if self.mistake == "forgets gathered rows":
            values["fresh"] = 0
        return State({"network": network, "optimizer": optimizer, "replay": memory}, values)

    def load(self, state):
        if "network" not in state.arrays and self.mistake != "trusts states":
            raise CheckpointError("this state is not one of tiny's")
        self.q = state.arrays["network"]["q"].copy()
        self.momentum = state.arrays["optimizer"].get("momentum", self.momentum).copy()
        self.memory |= {name: column.copy() for name, column in state.arrays["replay"].items()}
        self.fresh = state.values["fresh"] if state.arrays["replay"] else 0
        if "rng" in state.values:
            self.rng.bit_generator.state = state.values["rng"]


@pytest.fixture(scope="session")
def tiny_plugin() -> AlgorithmPlugin:
    return AlgorithmPlugin("tiny", TinyConfig, TinyLearner, TinyActor)


@pytest.fixture
def tiny_config():
    return TinyConfig


@pytest.fixture
def tiny_with(tiny_plugin):
    """A function: mistake -> Subject."""
    spec: EnvSpec = SPACES["discrete"]
    return lambda mistake: Subject(tiny_plugin, TinyConfig(mistake=mistake), spec)
