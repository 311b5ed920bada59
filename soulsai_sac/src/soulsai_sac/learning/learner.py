"""The node's half: replay of steps, and as many gradient steps as are due."""

from __future__ import annotations

import numpy as np
import torch

from soulsai_core import Arrays, ArraySpec, CheckpointError, EnvSpec, Learner, State, StepBatch
from soulsai_core.replay import Replay
from soulsai_sac.config import SACConfig
from soulsai_sac.learning.trainer import Trainer
from soulsai_sac.spaces import Bounds, vector, vector_features


class SACLearner(Learner):
    """Rows are kept with actions within -1 .. 1, as the policy gives them."""

    def __init__(self, config: SACConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        torch.set_num_threads(config.threads)
        self._config = config
        self._rng = rng
        self._bounds = Bounds(spec)
        self._features = vector_features(spec)
        size = self._features.size
        actions = self._bounds.size
        self._trainer = Trainer(config, size, actions, int(rng.integers(2**63)))
        columns = {"observation": ArraySpec((size,), "float32"), "action": ArraySpec((actions,), "float32")}
        columns["reward"] = ArraySpec((), "float32")
        if spec.timed:
            columns["duration"] = ArraySpec((), "float32")
        self._replay = Replay(config.buffer_size, columns, ["observation"])
        self._due = 0.0  # gradient steps

    def add(self, steps: StepBatch, client: str) -> None:
        kept = {
            **steps.columns,
            "observation": vector(self._features, steps.columns),
            "action": self._bounds.to_policy(steps.columns["action"]),
        }
        after = {"observation": vector(self._features, steps.after)}
        self._replay.append(steps.with_columns(kept, after), client)

    def ready(self) -> bool | None:
        return None if len(self._replay) >= self._config.learning_starts else False

    def update(self) -> dict[str, float]:
        c = self._config
        self._due += c.update_every * c.replay_ratio
        steps = max(int(self._due), 1)
        self._due -= steps
        draw = self._replay.draw(self._rng, steps, c.batch_size, n_step=c.n_step, gamma=c.gamma)
        columns = {name: torch.from_numpy(column) for name, column in draw.columns.items()}
        made = [self._trainer.step({name: column[i] for name, column in columns.items()}) for i in range(steps)]
        return {name: float(torch.stack([report[name] for report in made]).mean()) for name in made[0]}

    def weights(self) -> Arrays:
        return {name: np.array(tensor.numpy()) for name, tensor in self._trainer.policy.state_dict().items()}

    def save(self, *, buffer: bool) -> State:
        arrays = {**self._trainer.save(), "replay": self._replay.save() if buffer else {}}
        return State(arrays, {"due": self._due, "rng": self._rng.bit_generator.state})

    def load(self, state: State) -> None:
        try:
            self._trainer.load(state.arrays)
            self._due = state.values["due"]
            self._rng.bit_generator.state = state.values["rng"]
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"This checkpoint is not one of sac with these settings: {error}") from error
        if state.arrays.get("replay"):
            self._replay.load(state.arrays["replay"])

    def reach(self) -> int:
        return self._config.buffer_size

    def restore(self, steps: StepBatch, client: str) -> None:
        self.add(steps, client)

    def clients_changed(self, clients: frozenset[str]) -> None:
        self._replay.forget(clients)
