"""SAC's learner: keeps steps, draws from them, and makes the gradient steps that are due."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import BaseModel

from soulsai_core import Arrays, ArraySpec, CheckpointError, EnvSpec, Learner, State, StepBatch
from soulsai_core.replay import Replay
from soulsai_sac.config import SACConfig
from soulsai_sac.learning.trainer import Trainer
from soulsai_sac.networks.parameters import arrays_of
from soulsai_sac.spaces import Bounds, vector, vector_features


class SACLearner(Learner):
    """Keeps steps and makes `replay_ratio` gradient steps for each of them, on transitions drawn from a replay buffer.

    Actions are stored as the policy's, within -1 .. 1.
    """

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
        self._steps_due = 0.0  # gradient steps, with the fraction that is carried over

    def change(self, config: BaseModel) -> None:
        assert isinstance(config, SACConfig)
        self._config = config
        self._trainer.change(config)

    def add(self, steps: StepBatch, client: str) -> None:
        kept = {
            **steps.columns,
            "observation": vector(self._features, steps.columns),
            "action": self._bounds.to_policy(steps.columns["action"]),
        }
        after = {"observation": vector(self._features, steps.after)}
        self._replay.append(steps.with_columns(kept, after), client)

    def ready(self) -> bool | None:
        # Of the rows that were kept, those can be drawn that were not discarded.
        enough = self._replay.rows >= self._config.learning_starts and len(self._replay) > 0
        return None if enough else False

    def update(self) -> dict[str, float]:
        config = self._config
        self._steps_due += config.update_every * config.replay_ratio
        # At least one, so that each iteration has another model. What is more than due is not made up for: after a
        # change of the ratio, that could take for ever.
        steps = max(int(self._steps_due), 1)
        self._steps_due = max(self._steps_due - steps, 0.0)
        draw = self._replay.draw(self._rng, steps, config.batch_size, n_step=config.n_step, gamma=config.gamma)
        columns = {name: torch.from_numpy(column) for name, column in draw.columns.items()}
        reports = [self._trainer.step({name: column[i] for name, column in columns.items()}) for i in range(steps)]
        return {name: float(torch.stack([report[name] for report in reports]).mean()) for name in reports[0]}

    def weights(self) -> Arrays:
        return arrays_of(self._trainer.policy)

    def save(self) -> State:
        arrays = {**self._trainer.save(), "replay": self._replay.save()}
        return State(arrays, {"due": self._steps_due, "rng": self._rng.bit_generator.state})

    def load(self, state: State) -> None:
        try:
            self._trainer.load(state.arrays)
            self._steps_due = state.values["due"]
            self._rng.bit_generator.state = state.values["rng"]
            self._replay.load(state.arrays["replay"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"This checkpoint is not one of sac with these settings: {error}") from error

    def reach(self) -> int:
        return self._replay.reach

    def restore(self, steps: StepBatch, client: str) -> None:
        self.add(steps, client)

    def capacity(self) -> int:
        return self._replay.capacity

    def restored(self, *, complete: bool) -> None:
        self._replay.restored(complete=complete)

    def clients_changed(self, clients: frozenset[str]) -> None:
        self._replay.forget(clients)
