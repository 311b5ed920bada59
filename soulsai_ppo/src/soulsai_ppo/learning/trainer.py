"""An iteration: epochs of gradient steps on the experience of one round."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from soulsai_core import ACTION, MASK, REWARD, Arrays
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learning.adam import Adam
from soulsai_ppo.learning.losses import explained_variance, normalized, policy_loss, value_loss
from soulsai_ppo.learning.minibatches import INPUTS, Minibatch, sequence_lengths, shuffled_rows, shuffled_sequences
from soulsai_ppo.networks.distributions import Distribution
from soulsai_ppo.networks.model import Model
from soulsai_ppo.rollouts.columns import LEARNED, TERMINATED
from soulsai_ppo.rollouts.experience import Experience
from soulsai_ppo.rollouts.gae import advantages
from soulsai_ppo.spaces import RAW

_OLD_LOG_PROB = "old_log_prob"
_OLD_VALUE = "old_value"
_ADVANTAGE = "advantage"
_TARGET = "target"
_MEASURED = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction", "gradient_norm")
_KL = _MEASURED.index("approx_kl")


class Trainer:
    """Improves a model on the experience of its own actions.

    Attributes:
        adam: the optimizer.
    """

    def __init__(self, model: Model, distribution: Distribution, config: PPOConfig, rng: np.random.Generator) -> None:
        self.adam = Adam(model.parameters.vector, config.adam_epsilon, config.max_grad_norm)
        self._model = model
        self._distribution = distribution
        self._config = config
        self._rng = rng

    def change(self, config: PPOConfig) -> None:
        """Use these settings from the next round on."""
        self._config = config

    def train(self, experience: Experience, discount: np.ndarray, progress: float) -> dict[str, float]:
        """Train on one round, whose observations and rewards are normalized already.

        Args:
            discount: (rows,), of the value after each row.
            progress: 0 at the beginning of training, 1 where learning rate and clip have fallen to 0.

        Returns: numbers to report, such as means over the gradient steps.
        """
        config = self._config
        lengths = None if config.lstm is None else sequence_lengths(experience.rows)
        columns = self._prepare(experience.rows, lengths, discount)
        learning_rate = config.learning_rate * (1 - progress)
        clip = config.clip * (1 - progress) if config.anneal_clip else config.clip
        measured: list[tuple[float, ...]] = []
        epochs = 0
        while epochs < config.epochs:
            epoch = [self._step(part, learning_rate, clip) for part in self._minibatches(columns, lengths)]
            measured += epoch
            epochs += 1
            # The mean over the whole epoch: the KL divergence of single minibatches is too noisy to stop by.
            if config.target_kl is not None and np.mean([step[_KL] for step in epoch]) > config.target_kl:
                break
        report = dict(zip(_MEASURED, np.mean(measured, axis=0).tolist(), strict=True))
        learned = columns[LEARNED]
        return report | {
            "explained_variance": explained_variance(columns[_OLD_VALUE][learned], columns[_TARGET][learned]),
            "learning_rate": learning_rate,
            "epochs": float(epochs),
        }

    def _prepare(self, rows: Arrays, lengths: np.ndarray | None, discount: np.ndarray) -> Arrays:
        """The columns that gradient steps need: inputs, action, and log-probability, value, advantage and target by the
        parameters that acted."""
        columns = {name: rows[name] for name in INPUTS if name in rows}
        head, value = self._model.evaluate(columns, lengths)
        columns |= {name: rows[name] for name in (LEARNED, MASK) if name in rows}
        columns[ACTION] = rows[RAW] if RAW in rows else rows[ACTION]
        likelihood = self._distribution.evaluate(head, self._log_std, columns[ACTION], rows.get(MASK))
        advantage = advantages(
            rows[REWARD], value, rows[TERMINATED], rows[LEARNED], discount, self._config.gae_lambda
        ).astype(np.float32)
        return columns | {
            _OLD_LOG_PROB: likelihood.log_prob,
            _OLD_VALUE: value,
            _ADVANTAGE: advantage,
            _TARGET: advantage + value,
        }

    def _minibatches(self, columns: Arrays, lengths: np.ndarray | None) -> Iterator[Minibatch]:
        if lengths is None:
            return shuffled_rows(columns, self._config.minibatch_size, self._rng)
        return shuffled_sequences(columns, lengths, self._config.minibatch_size, self._rng)

    def _step(self, minibatch: Minibatch, learning_rate: float, clip: float) -> tuple[float, ...]:
        """One gradient step; returns the numbers named in _MEASURED."""
        part, lengths = minibatch
        config = self._config
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
