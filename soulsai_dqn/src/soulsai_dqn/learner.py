"""DQN's server half."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soulsai_core import Arrays, ArraySpec, CheckpointError, EnvSpec, Learner, SampleBatch, State, Sync
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.gradients import Outcome
from soulsai_dqn.normalization import RunningMoments, normalized
from soulsai_dqn.optimization import Trainer, chosen_device
from soulsai_dqn.priorities import beta_at
from soulsai_dqn.prioritized import ERROR, PrioritizedReplay
from soulsai_dqn.replay import Draw, ReplayBuffer
from soulsai_dqn.trajectory import sample_columns

log = logging.getLogger(__name__)

_DRAW = 32
_DRAWN_BYTES = {"cpu": 2**26, "cuda": 2**29}


class DQNLearner(Learner):
    """Makes a model iteration for every `update_every` transitions, with `replay_ratio` gradient steps for each."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        actions, features = number_of_actions(spec), self._make_features(config, spec)
        self.sync = Sync(config.max_staleness, config.update_every)
        self._config = config
        self._rng = rng
        self.columns = self._make_columns(spec, features)
        self._replay = self._make_replay()
        self._trainer = self._make_trainer(features, actions, int(rng.integers(2**31)))
        self._moments = RunningMoments(features.size) if config.normalize and features.size else None
        self._due = 0
        self._owed = 0.0
        self._rows = 0

    def _make_features(self, config: DQNConfig, spec: EnvSpec) -> Features:
        return Features(spec)

    def _make_columns(self, spec: EnvSpec, features: Features) -> dict[str, ArraySpec]:
        prioritized = self._config.prioritized is not None
        return sample_columns(features, number_of_actions(spec), masked=spec.masked, prioritized=prioritized)

    def _make_replay(self) -> ReplayBuffer:
        kept = {name: spec for name, spec in self.columns.items() if name != ERROR}
        return make_replay(self._config, kept, self._config.buffer_size)

    def _make_trainer(self, features: Features, actions: int, seed: int) -> Trainer:
        return Trainer(self._config, features, actions, seed)

    def started(self, *, resumed: bool) -> None:
        torch.set_num_threads(self._config.threads)
        torch.set_flush_denormal(True)  # dead units decay into denormal numbers, which are many times as slow

    def stopped(self) -> None:
        torch.set_flush_denormal(False)

    def add(self, batch: SampleBatch, client: str) -> None:
        self._remember(batch, client)
        if self._moments is not None:
            self._moments.update(batch.columns["observation"])
        self._due += len(batch)
        self._rows += len(batch)
        if not self._enough:
            self._due = 0

    def _remember(self, batch: SampleBatch, client: str) -> None:
        """Put rows into the replay buffer."""
        self._replay.append(batch.columns, client)

    def clients_changed(self, clients: frozenset[str]) -> None:
        self._replay.forget(clients)

    @property
    def _enough(self) -> bool:
        """There is enough in the replay buffer to learn from."""
        return self._replay.rows >= self._config.learning_starts and len(self._replay) > 0

    def ready(self) -> bool:
        return self._due >= self._config.update_every

    def update(self) -> Mapping[str, float]:
        self._due -= self._config.update_every
        self._owed += self._config.update_every * self._config.replay_ratio
        steps = int(self._owed)
        self._owed -= steps
        outcome: Outcome | None = None
        while steps:
            count = min(self._together, steps, self._trainer.steps_until_reset)
            outcome = self._train(count)
            steps -= count
            if self._trainer.reset_due:
                self._trainer.reset()
                steps += self._config.resets.recovery
        self._trainer.iterated()
        return self._report(outcome)

    @property
    def _together(self) -> int:
        """Minibatches that are drawn together: many, but of images only what memory has room for."""
        room = _DRAWN_BYTES[self._replay.device_type]
        return min(max(room // (self._config.batch_size * self._replay.drawn_bytes), 1), _DRAW)

    def _train(self, steps: int) -> Outcome:
        """So many gradient steps on minibatches that are drawn together; returns what came of the last."""
        prioritized = self._config.prioritized
        beta = 1.0 if prioritized is None else beta_at(prioritized, self._rows)
        draw = self._replay.draw(self._rng, steps, self._config.batch_size, beta)
        self._normalized(draw.columns)
        errors = []
        for batch in _minibatches(draw, self._trainer.device):
            outcome = self._trainer.step(batch)
            if prioritized is not None:
                errors.append(self._trainer.errors(outcome, batch))
        if errors:
            self._replay.update(draw, torch.stack(errors).cpu().numpy())
        return outcome

    def _normalized(self, columns: dict[str, Any]) -> None:
        self._normalize(columns, ("observation", "next_observation"))

    def _normalize(self, columns: dict[str, Any], names: Sequence[str]) -> None:
        """Normalise vectors that were drawn, by what is known now."""
        if self._moments is not None:
            arrays = self._moments.arrays()
            columns.update({name: normalized(columns[name], arrays) for name in names})

    def _report(self, last: Outcome | None) -> dict[str, float]:
        """Numbers of the iteration; loss and Q-value are those of its last minibatch."""
        report = {"gradient_steps": float(self._trainer.steps), "replay_size": float(len(self._replay))}
        if last is not None:
            head = self._trainer.head
            report["loss"] = float(head.loss(last.chosen.flatten(0, -2), last.target.flatten(0, -2)).mean())
            report["q_value"] = float(head.values(last.chosen).mean())
        return report

    def weights(self) -> Arrays:
        return self._with_moments(self._trainer.weights())

    def evaluation_weights(self) -> Arrays:
        return self._with_moments(self._trainer.evaluation_weights())

    def _with_moments(self, weights: Arrays) -> Arrays:
        return weights if self._moments is None else {**weights, **self._moments.arrays()}

    def save(self, *, buffer: bool) -> State:
        arrays = self._trainer.save()
        if self._moments is not None:
            arrays["moments"] = self._moments.save()
        if buffer:
            arrays["replay"] = self._replay.save()
            arrays |= self._unfinished()
        values = {
            "due": self._due,
            "owed": self._owed,
            "rows": self._rows,
            "gradient_steps": self._trainer.steps,
            "averaged": self._trainer.averaged,
            "rng": self._rng.bit_generator.state,
        }
        return State(arrays, values)

    def _unfinished(self) -> dict[str, Arrays]:
        """What is on its way into the replay buffer, by part."""
        return {}

    def load(self, state: State) -> None:
        try:
            steps, averaged = int(state.values["gradient_steps"]), int(state.values.get("averaged", 0))
            self._trainer.load(state.arrays, steps, averaged)
            if self._moments is not None:
                self._moments.load(state.arrays["moments"])
            self._due, self._owed = int(state.values["due"]), float(state.values["owed"])
            self._rows = int(state.values["rows"])
            self._rng.bit_generator.state = state.values["rng"]
        except KeyError as error:
            raise CheckpointError(f"This checkpoint is not one of DQN: it has no {error}.") from error
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"This checkpoint is not one of DQN with these settings: {error}.") from error
        if "replay" in state.arrays:
            self._replay.load(state.arrays["replay"])
        if not self._enough:
            self._due = 0


def make_replay(config: DQNConfig, columns: Mapping[str, ArraySpec], capacity: int) -> ReplayBuffer:
    """The configured replay buffer; the memory that it needs is said before the start."""
    device = None if config.replay_device is None else chosen_device(config.replay_device, "replay_device")
    if config.prioritized is None:
        return stated(ReplayBuffer(capacity, columns, device), device)
    return stated(PrioritizedReplay(capacity, columns, config.prioritized, device), device)


def stated(replay: ReplayBuffer, device: torch.device | None) -> ReplayBuffer:
    """The same, after the memory that it needs was said."""
    where = "main memory" if device is None else f"the memory of {device}"
    size, rows = replay.bytes / 2**20, replay.capacity
    log.info("The replay buffer takes %.0f MB of %s once its %d rows are there.", size, where, rows)
    return replay


def _minibatches(draw: Draw, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """One after the other, as tensors on the device; moved there all at once."""
    columns = {name: _moved(torch.as_tensor(column), device).unbind(0) for name, column in draw.columns.items()}
    for row in range(len(draw.slots)):
        yield {name: column[row] for name, column in columns.items()}


def _moved(column: Tensor, device: torch.device) -> Tensor:
    """On the device; through pinned memory where it comes from elsewhere, so that nobody waits for the copy."""
    if column.device.type == "cpu" and device.type == "cuda":
        return column.pin_memory().to(device, non_blocking=True)
    return column.to(device)
