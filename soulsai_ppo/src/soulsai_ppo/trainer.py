"""The update: epochs of gradient steps over one round."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soulsai_core import Arrays
from soulsai_ppo.adam import Adam
from soulsai_ppo.columns import ACTION, CUT, MASK, NEXT_VALUE, RESET, REWARD, STATE, TERMINATED
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.distributions import Distribution
from soulsai_ppo.experience import Experience
from soulsai_ppo.features import IMAGE, VECTOR
from soulsai_ppo.gae import advantages
from soulsai_ppo.losses import explained_variance, normalized, policy_loss, value_loss
from soulsai_ppo.minibatches import Minibatch, Sequences, shuffled_rows
from soulsai_ppo.model import Model

_OLD_LOG_PROB, _OLD_VALUE, _ADVANTAGE, _TARGET = "old_log_prob", "old_value", "advantage", "target"
_LEARNED_FROM = (VECTOR, IMAGE, ACTION, MASK, STATE, RESET)
_MEASURED = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "gradient_norm")
_KL = _MEASURED.index("approx_kl")


class Trainer:
    """Improves a model with the experience of its own actions.

    Attributes:
        adam: the optimizer.
    """

    def __init__(self, model: Model, distribution: Distribution, config: PPOConfig, rng: np.random.Generator) -> None:
        self.adam = Adam(model.parameters.vector, config.adam_epsilon, config.max_grad_norm)
        self._model = model
        self._distribution = distribution
        self._config = config
        self._rng = rng

    def train(self, experience: Experience, progress: float) -> dict[str, float]:
        """Train on one round; its observations and rewards are normalized already.

        Args:
            progress: 0 at the beginning of training, 1 where learning rate and clip have fallen to 0.

        Returns: means over the gradient steps and other numbers to report.
        """
        config = self._config
        sequences = None
        if config.lstm is not None:
            sequences = Sequences(len(experience), experience.starts, config.sequence_length)
        columns = self._prepare(experience, sequences)
        learning_rate = config.learning_rate * (1 - progress)
        clip = config.clip * (1 - progress) if config.anneal_clip else config.clip
        measured: list[tuple[float, ...]] = []
        epochs = 0
        while epochs < config.epochs:
            epoch = [self._step(part, learning_rate, clip) for part in self._deal(columns, sequences)]
            measured += epoch
            epochs += 1
            if config.target_kl is not None and np.mean([step[_KL] for step in epoch]) > config.target_kl:
                break
        report = dict(zip(_MEASURED, np.mean(measured, axis=0).tolist(), strict=True))
        return report | {
            "explained_variance": explained_variance(columns[_OLD_VALUE], columns[_TARGET]),
            "learning_rate": learning_rate,
            "epochs": float(epochs),
        }

    def _prepare(self, experience: Experience, sequences: Sequences | None) -> Arrays:
        """What gradient steps need of each row: inputs, action, and the old policy's opinion of it."""
        rows, config = experience.rows, self._config
        columns = {name: rows[name] for name in _LEARNED_FROM if name in rows}
        head, value = self._model.evaluate(columns, None if sequences is None else sequences.lengths)
        likelihood = self._distribution.evaluate(head, self._log_std, rows[ACTION], rows.get(MASK))
        advantage = advantages(
            rows[REWARD], value, rows[NEXT_VALUE], rows[TERMINATED], rows[CUT], config.gamma, config.gae_lambda
        ).astype(np.float32)
        return columns | {
            _OLD_LOG_PROB: likelihood.log_prob,
            _OLD_VALUE: value,
            _ADVANTAGE: advantage,
            _TARGET: advantage + value,
        }

    def _deal(self, columns: Arrays, sequences: Sequences | None) -> Iterator[Minibatch]:
        if sequences is None:
            return shuffled_rows(columns, self._config.minibatch_size, self._rng)
        return sequences.shuffled(columns, self._config.minibatch_size, self._rng)

    def _step(self, minibatch: Minibatch, learning_rate: float, clip: float) -> tuple[float, ...]:
        """One gradient step; returns the numbers named in _MEASURED."""
        (part, lengths), config = minibatch, self._config
        head, value = self._model.forward(part, lengths)
        likelihood = self._distribution.evaluate(head, self._log_std, part[ACTION], part.get(MASK))
        advantage = normalized(part[_ADVANTAGE]) if config.normalize_advantages else part[_ADVANTAGE]
        policy = policy_loss(likelihood.log_prob, part[_OLD_LOG_PROB], advantage, clip)
        loss, by_value = value_loss(value, part[_TARGET], part[_OLD_VALUE], config.value_clip)
        by_entropy = np.full(len(value), -config.entropy_coefficient / len(value), np.float32)
        by_head, by_log_std = self._distribution.gradient(likelihood, policy.by_log_prob, by_entropy)
        self._model.backward(by_head, by_value * np.float32(config.value_coefficient), by_log_std)
        norm = self.adam.step(self._model.gradient.vector, learning_rate)
        entropy = float(likelihood.entropy.sum()) / len(value)
        return policy.loss, loss, entropy, policy.approx_kl, policy.clip_fraction, norm

    @property
    def _log_std(self) -> np.ndarray:
        return self._model.parameters.views["log_std"]
