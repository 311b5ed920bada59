"""DQN's learner: keeps steps, draws from them, and makes the gradient steps that are due."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from pydantic import BaseModel
from torch import Tensor

from soulsai_core import (
    VECTOR,
    Arrays,
    CheckpointError,
    EnvSpec,
    Features,
    Learner,
    RunningMoments,
    State,
    StepBatch,
    normalized,
)
from soulsai_core.replay import Draw
from soulsai_dqn.config import AutomaticRatio, DQNConfig
from soulsai_dqn.learning.buffer import make_replay, prepared
from soulsai_dqn.learning.gradients import Outcome
from soulsai_dqn.learning.trainer import Trainer
from soulsai_dqn.schedules import linear, scheduled
from soulsai_dqn.spaces import CLIP, MEAN, SCALE, number_of_actions

log = logging.getLogger(__name__)

# Minibatches drawn together share the cost of the calls. Priorities change between draws only, so that the last ones of
# too many would be drawn by old priorities.
_DRAWN_TOGETHER = 32  # minibatches
_DRAWN_BYTES = {"cpu": 2**26, "cuda": 2**29}  # at most, by the kind of device of the replay buffer


class DQNLearner(Learner):
    """Keeps steps and makes `replay_ratio` gradient steps for each of them, on minibatches drawn from a replay buffer:
    transitions, or sequences for a recurrent network."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        self._config = config
        self._rng = rng
        actions = number_of_actions(spec)
        self._features = Features(spec, config.frame_stack)
        self._replay = make_replay(config, spec, self._features)
        self._trainer = Trainer(config, self._features, actions, int(rng.integers(2**31)))
        normalize = config.normalize and self._features.size
        self._moments = RunningMoments((self._features.size,)) if normalize else None
        self._steps_due = 0.0  # gradient steps, with the fraction that is carried over
        self._spare_steps = 0  # gradient steps in spare time since the last update
        self._outcome: Outcome | None = None  # of the newest minibatch of this iteration
        self._rows = 0  # environment steps of all clients

    def started(self, *, resumed: bool) -> None:
        torch.set_num_threads(self._config.threads)
        # Weight decay and Adam's moments turn parameters of dead units into denormal numbers, with which a CPU computes
        # many times as slowly.
        torch.set_flush_denormal(True)
        size = self._replay.bytes / 2**20
        rows = self._replay.capacity
        where = "main memory" if self._config.replay_device is None else f"the memory of {self._config.replay_device}"
        log.info("The replay buffer takes %.0f MB of %s once its %s steps are there.", size, where, f"{rows:,}")

    def change(self, config: BaseModel) -> None:
        assert isinstance(config, DQNConfig)
        self._config = config
        self._trainer.change(config)

    def stopped(self) -> None:
        torch.set_flush_denormal(False)

    # -- steps

    def add(self, steps: StepBatch, client: str) -> None:
        self.begin_with(steps, client)
        self._rows += len(steps)

    def capacity(self) -> int:
        return self._replay.capacity

    def begin_with(self, steps: StepBatch, client: str) -> None:
        kept = self._append(steps, client)
        if self._moments is not None:
            self._moments.update(kept.columns[VECTOR])

    def reach(self) -> int:
        return self._replay.reach

    def restore(self, steps: StepBatch, client: str) -> None:
        self._append(steps, client)

    def restored(self, *, complete: bool) -> None:
        self._replay.restored(complete=complete)

    def _append(self, steps: StepBatch, client: str) -> StepBatch:
        kept = prepared(steps, self._features, self._config)
        # gamma is for first priorities alone: draws have their own.
        self._replay.append(kept, client, scheduled(self._config.gamma, self._done))
        return kept

    def clients_changed(self, clients: frozenset[str]) -> None:
        self._replay.forget(clients)

    # -- iterations

    def ready(self) -> bool | None:
        enough = self._replay.rows >= self._config.learning_starts and len(self._replay) > 0
        return None if enough else False

    @property
    def _done(self) -> dict[str, int]:
        """Steps made so far, by the names of `Schedule.over`."""
        trainer = self._trainer
        return {
            "env_steps": self._rows,
            "gradient_steps": trainer.steps,
            "gradient_steps_after_reset": trainer.steps_after_reset,
        }

    def update(self) -> Mapping[str, float]:
        config = self._config
        due = self._steps_due + config.update_every * config.least_replay_ratio - self._spare_steps
        steps = max(int(due), 0)
        self._steps_due = max(due - steps, 0.0)
        self._make_steps(steps)
        self._trainer.end_iteration()
        report = self._report()
        if isinstance(config.replay_ratio, AutomaticRatio):
            report["replay_ratio"] = (steps + self._spare_steps) / config.update_every
        self._spare_steps = 0
        self._outcome = None
        return report

    def use_spare_time(self) -> bool:
        ratio = self._config.replay_ratio
        if not isinstance(ratio, AutomaticRatio) or self.ready() is False:
            return False
        # Counted from update to update: without new steps, the same ones are not learned from on and on.
        if self._spare_steps >= int(ratio.most * self._config.update_every):
            return False
        # One at a time: a message that arrives meanwhile waits for it, and its client for the answer. Drawing several
        # minibatches together would be a tenth faster.
        self._make_steps(1)
        self._spare_steps += 1
        return True

    def _make_steps(self, steps: int) -> None:
        """Make gradient steps, and the resets that become due, with their further steps."""
        while steps:
            count = min(self._drawn_together, steps, self._trainer.steps_until_reset)
            self._outcome = self._train(count)
            steps -= count
            if self._trainer.reset_due:
                self._trainer.reset()
                steps += self._config.resets.recovery

    @property
    def _drawn_together(self) -> int:
        """Minibatches that are drawn together; of images fewer, so that they fit into memory."""
        room = _DRAWN_BYTES[self._replay.device_type]
        return min(max(room // (self._config.batch_size * self._replay.drawn_bytes), 1), _DRAWN_TOGETHER)

    def _train(self, steps: int) -> Outcome:
        """Make gradient steps on minibatches that are drawn together; returns the outcome of the last one."""
        self._trainer.anneal(self._done)
        draw = self._draw(steps)
        errors = []
        for batch in _minibatches(draw, self._trainer.device):
            outcome = self._trainer.step(batch)
            if self._config.prioritized is not None:
                errors.append(self._trainer.errors(outcome, batch))
        if errors:
            self._replay.update(draw, torch.stack(errors).cpu().numpy())
        return outcome

    def _draw(self, batches: int) -> Draw:
        config = self._config
        done = self._done
        n_step = round(scheduled(config.n_step, done))
        gamma = scheduled(config.gamma, done)
        p = config.prioritized
        beta = 1.0 if p is None else linear(p.beta_start, p.beta_end, p.beta_steps, self._rows)
        draw = self._replay.draw(self._rng, batches, config.batch_size, n_step=n_step, gamma=gamma, beta=beta)
        if self._moments is not None:  # here, since stored rows may be older than the present mean and deviation
            for name in draw.columns.keys() & {VECTOR, f"next_{VECTOR}"}:
                draw.columns[name] = normalized(draw.columns[name], *self._moments.scales(), CLIP)
        return draw

    def _report(self) -> dict[str, float]:
        """Numbers of the iteration; loss and Q-value are those of its last minibatch."""
        last = self._outcome
        report = {
            "gradient_steps": float(self._trainer.steps),
            "replay_size": float(len(self._replay)),
            "learning_rate": scheduled(self._config.learning_rate, self._done),
        }
        if last is not None:
            head = self._trainer.head
            report["loss"] = float(head.loss(last.chosen.flatten(0, -2), last.target.flatten(0, -2)).mean())
            report["q_value"] = float(head.values(last.chosen).mean())
        return report

    # -- weights and state

    def weights(self) -> Arrays:
        return self._with_moments(self._trainer.weights())

    def evaluation_weights(self) -> Arrays:
        return self._with_moments(self._trainer.evaluation_weights())

    def _with_moments(self, weights: Arrays) -> Arrays:
        if self._moments is None:
            return weights
        return weights | dict(zip((MEAN, SCALE), self._moments.scales(), strict=True))

    def save(self) -> State:
        arrays = self._trainer.save() | {"replay": self._replay.save()}
        if self._moments is not None:
            arrays["moments"] = self._moments.save()
        values = {
            "owed": self._steps_due,
            "spare": self._spare_steps,
            "rows": self._rows,
            "gradient_steps": self._trainer.steps,
            "averaged": self._trainer.averaged,
            "rng": self._rng.bit_generator.state,
        }
        return State(arrays, values)

    def load(self, state: State) -> None:
        try:
            steps = int(state.values["gradient_steps"])
            averaged = int(state.values.get("averaged", 0))
            self._trainer.load(state.arrays, steps, averaged)
            if self._moments is not None:
                self._moments.load(state.arrays["moments"])
            self._steps_due = float(state.values["owed"])
            self._spare_steps = int(state.values["spare"])
            self._rows = int(state.values["rows"])
            self._rng.bit_generator.state = state.values["rng"]
            self._replay.load(state.arrays["replay"])
        except KeyError as error:
            raise CheckpointError(f"This checkpoint is not one of DQN: it has no {error}.") from error
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"This checkpoint is not one of DQN with these settings: {error}.") from error


def _minibatches(draw: Draw, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """The minibatches of a draw as tensors on the device; they are moved there all at once."""
    columns = {name: _moved(torch.as_tensor(column), device).unbind(0) for name, column in draw.columns.items()}
    for row in range(len(draw.slots)):
        yield {name: column[row] for name, column in columns.items()}


def _moved(column: Tensor, device: torch.device) -> Tensor:
    """The column on the device. From the CPU to a GPU it goes through pinned memory, so that nothing waits for the
    copy."""
    if column.device.type == "cpu" and device.type == "cuda":
        return column.pin_memory().to(device, non_blocking=True)
    return column.to(device)
