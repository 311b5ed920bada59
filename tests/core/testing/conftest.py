"""A small but complete algorithm in numpy: a linear Q-function of the observation and of what is remembered of the
episode, momentum, replay; rounds if it has a quota. It can make one mistake, so that a contract test fails."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from soulsai_core.contracts import Actor, AlgorithmPlugin, Learner, Sync
from soulsai_core.errors import CheckpointError, SpaceError
from soulsai_core.messages import ArraySpec, Discrete, EnvSpec, State
from soulsai_core.steps import End
from soulsai_core.testing.algorithm import SPACES
from soulsai_core.testing.rollout import Subject

GAMMA, DECAY = 0.9, 0.5
NAMES = ("observation", "action", "reward", "terminated", "next_observation")


class TinyConfig(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(default=8, description="rows an update")
    clients: int = Field(default=2, description="clients that must be there")
    quota: int | None = Field(default=None, description="rows of a client in a round")
    mistake: str = Field(default="", description="what to do wrong")


def size_of(spec, mistake=""):
    vector = spec.observations.get("observation")
    if not isinstance(spec.action, Discrete) or vector is None or len(vector.shape) != 1:
        if mistake != "refuses without a sentence":
            raise SpaceError(f"tiny serves one vector and Discrete actions, not {spec.name}")
        raise KeyError("observation")
    return vector.shape[0]


def sync_of(config):
    return Sync(3, 0 if config.mistake == "no row counts" else config.rows, config.clients)


def columns_of(config, spec):
    value, memory = ArraySpec((), "float32"), ArraySpec((size_of(spec),), "float32", sparse=True)
    return {"reward" if config.mistake == "name of another column" else "value": value, "memory": memory}


class TinyActor(Actor):
    def __init__(self, config, spec, rng, explore):
        self.mistake = config.mistake
        if self.mistake != "actor serves everything":
            size_of(spec, self.mistake)
        self.spec, self.rng, self.calls = spec, rng, 0
        self.explore = explore or self.mistake == "explores always"
        self.memory = self.given = None

    def load(self, weights):
        if self.mistake != "does not load" or not self.calls:
            self.weights = weights

    def prepare(self, weights):
        if self.mistake == "loads what is prepared":
            self.weights = weights

    def remembered(self, x, starts):
        if self.memory is None or (len(self.memory) != len(x) and self.mistake != "keeps the old rows"):
            self.memory = np.zeros_like(x)
        if self.mistake == "all start" and starts.any():
            starts = np.ones_like(starts)
        if self.mistake != "no start":
            self.memory = np.where(starts[:, None], 0, self.memory)
        before, self.memory = self.memory, DECAY * self.memory + x
        return before.astype(np.float32)

    def act(self, observations, masks, starts):
        if self.mistake == "global random":
            self.rng = np.random.default_rng()
        x, n = observations["observation"], self.spec.action.n
        if self.mistake == "changes what it is given":
            x *= 2
        memory = self.remembered(x, starts)
        values = (x + memory) @ self.weights.arrays["q"]
        if self.explore:
            values = values + self.rng.normal(size=(1, n))
        if masks is not None and self.mistake != "no masks":
            useful = masks.any(axis=1)
            if self.mistake == "masks judged by batch" and not useful.all():
                useful[:] = False
            values = np.where(masks | ~useful[:, None], values, -np.inf)
        actions, value = values.argmax(axis=1), values.max(axis=1)
        self.calls += 1
        return actions.astype(np.int32) if self.mistake == "int32 actions" else actions, self.own(value, memory)

    def own(self, value, memory):
        own = {"value": value.astype(np.float64 if self.mistake == "float64" else np.float32)}
        if self.calls % 3 == 0:
            own["memory"] = memory
        if self.mistake == "undeclared column":
            own["other"] = own["value"]
        if self.mistake == "no column":
            del own["value"]
        if self.mistake == "changes what it gave":
            if self.given is not None:
                self.given[:] = 0
            self.given = own["value"]
        return own

    def metrics(self):
        return {"epsilon": float("nan" if self.mistake == "nan metric" else 0.1)}


class TinyLearner(Learner):
    def __init__(self, config, spec, rng):
        size = size_of(spec, config.mistake)
        self.config, self.mistake, self.rng = config, config.mistake, rng
        if self.mistake == "unseeded learner":
            rng = np.random.default_rng()
        self.q = rng.normal(size=(size, spec.action.n)) * 0.1
        self.momentum = np.zeros_like(self.q)
        self.memory, self.views, self.updates = {}, [], 0
        self.clients, self.waiting, self.missing = frozenset(), {}, {}
        self.rows = 0

    def add(self, steps, client):
        self.rows += len(steps)
        if self.mistake == "ignores messages without rows" and not len(steps):
            return
        if self.mistake == "no late steps":
            assert End.DISCARDED not in steps.ends
        self.missing[client] = self.missing.get(client, 0) - len(steps)
        if steps.closed is not None:
            self.waiting[client] = True
            self.missing[client] += steps.closed.rows
        self.views.append(steps)
        if self.mistake != "keeps views":
            self.gather()

    def reach(self):
        return 0 if self.mistake == "forgets replay" else self.rows

    def restore(self, steps, client):
        if self.mistake == "restored rows count":
            self.add(steps, client)
            return
        self.views.append(steps)
        self.gather()

    def capacity(self):
        return 0 if self.config.quota else 1000

    def begin_with(self, steps, client):
        if self.mistake == "needs what another model said":
            assert steps.columns["value"].ndim == 1
        if self.mistake == "forgets what it began with":
            self.restore(steps, client)
            return
        self.add(steps, client)

    def gather(self):
        for steps in self.views:
            t = steps.transitions()
            new = (t.observations["observation"], t.actions, t.rewards, t.terminated)
            for name, rows in zip(NAMES, (*new, t.next_observations["observation"]), strict=True):
                self.memory[name] = np.concatenate([self.memory.get(name, rows[:0]), rows])
        self.views.clear()

    def quota(self):
        return self.config.quota

    def clients_changed(self, clients):
        self.clients = clients

    def ready(self):
        if self.mistake == "always ready":
            return True
        if self.config.quota is None:
            return None if self.views or len(self.memory.get("reward", ())) else False
        complete = bool(self.waiting) and set(self.waiting) >= self.clients
        if self.mistake == "waits for lost rows":
            return complete and not any(self.missing.values())
        return complete

    def update(self):
        self.gather()
        self.updates += 1
        self.waiting.clear()
        self.missing.clear()
        rows = self.rng.integers(max(len(self.memory["action"]), 1), size=8)
        m = {name: column[rows] for name, column in self.memory.items()}
        target = m["reward"] + GAMMA * ~m["terminated"] * (m["next_observation"] @ self.q).max(axis=1)
        error = np.clip((m["observation"] @ self.q)[np.arange(8), m["action"]] - target, -1, 1)
        slope = np.zeros_like(self.q)
        np.add.at(slope.T, m["action"], m["observation"] * error[:, None])
        self.momentum = 0.9 * self.momentum + slope
        if self.mistake != "does not learn":
            self.q -= 0.001 * self.momentum
        return {"loss": float("inf") if self.mistake == "infinite loss" else float((error**2).mean())}

    def weights(self):
        if self.mistake == "other dtype later" and self.updates:
            return {"q": self.q.astype(np.float32)}
        return {"q": self.q if self.mistake == "aliases weights" else self.q.copy()}

    def evaluation_weights(self):
        return {"q": self.q if self.mistake == "aliases evaluation weights" else self.q.copy()}

    def save(self):
        self.gather()
        optimizer = {} if self.mistake == "forgets momentum" else {"momentum": self.momentum}
        network = {"q": self.q if self.mistake == "aliases state" else self.q.copy()}
        values = {"rng": self.rng.bit_generator.state, "waiting": list(self.waiting), "rows": self.rows}
        if self.mistake == "forgets random state":
            del values["rng"]
        if self.mistake == "numpy values":
            values["updates"] = np.int64(self.updates)
        if self.mistake == "forgets who waits":
            values["waiting"] = []
        return State({"network": network, "optimizer": optimizer}, values)

    def load(self, state):
        if "network" not in state.arrays and self.mistake != "trusts states":
            raise CheckpointError("this state is not one of tiny's")
        self.q = state.arrays["network"]["q"].copy()
        self.momentum = state.arrays["optimizer"].get("momentum", self.momentum).copy()
        self.rows = state.values["rows"]
        self.waiting = dict.fromkeys(state.values["waiting"], True)
        if "rng" in state.values:
            self.rng.bit_generator.state = state.values["rng"]


@pytest.fixture(scope="session")
def tiny_plugin() -> AlgorithmPlugin:
    return AlgorithmPlugin("tiny", TinyConfig, sync_of, TinyLearner, TinyActor, columns_of)


@pytest.fixture
def tiny_config():
    return TinyConfig


@pytest.fixture
def tiny_with(tiny_plugin):
    """A function: mistake, quota -> Subject."""
    spec: EnvSpec = SPACES["discrete"]
    return lambda mistake, quota=None: Subject(tiny_plugin, TinyConfig(mistake=mistake, quota=quota), spec)
