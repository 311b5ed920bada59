"""Action distributions in numpy, with the gradients that the losses need.

The network's output is `head` (n, size). Continuous actions also have a log deviation (parameters,), which does not
depend on the observation. `raw` actions are those drawn; `executed` turns them into the environment's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from soulsai_core import Continuous, Discrete, EnvSpec, MultiDiscrete, SpaceError, mask_invalid
from soulsai_ppo.config import PPOConfig

# Logit of invalid actions (Huang and Ontañón 2022). Not -inf, with which the entropy's p log p would be 0 * inf = nan.
_INVALID = -1e9
_HALF_LOG_TWO_PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(slots=True)
class Likelihood:
    """log_prob and entropy (n,) of raw actions, and in `memo` what `Distribution.gradient` needs."""

    log_prob: np.ndarray
    entropy: np.ndarray
    memo: Any


class Distribution(ABC):
    """A family of distributions over the actions of one environment.

    Attributes:
        size: width of the head.
        parameters: number of log deviations.
    """

    size: int
    parameters: int = 0

    @abstractmethod
    def sample(
        self, head: np.ndarray, log_std: np.ndarray, masks: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw raw actions (n, *raw shape)."""

    @abstractmethod
    def mode(self, head: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """The most likely raw actions (n, *raw shape), before any squashing."""

    @abstractmethod
    def executed(self, raw: np.ndarray) -> np.ndarray:
        """The environment's actions (n, *action shape) for raw ones."""

    @abstractmethod
    def evaluate(self, head: np.ndarray, log_std: np.ndarray, raw: np.ndarray, masks: np.ndarray | None) -> Likelihood:
        """The likelihood of raw actions."""

    @abstractmethod
    def gradient(
        self, likelihood: Likelihood, by_log_prob: np.ndarray, by_entropy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives by head (n, size) and log_std (parameters,), given those by log_prob and entropy (n,)."""


def distribution_for(spec: EnvSpec, config: PPOConfig) -> Distribution:
    """The distribution that fits the action space. Raises SpaceError where the settings do not fit it."""
    match spec.action:
        case Discrete(n=n):
            return Categorical(n)
        case MultiDiscrete(nvec=nvec):
            return MultiCategorical(nvec)
        case Continuous() if config.squash:
            if None in spec.action.low or None in spec.action.high:
                raise SpaceError(
                    f"{spec.name} has unbounded actions, which cannot be squashed into bounds: set "
                    "algorithm.config.squash to false."
                )
            return SquashedGaussian(spec.action)
        case Continuous():
            return Gaussian(spec.action)


def _log_softmax(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log p and p of (n, k)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    shifted -= np.log(total)
    return shifted, p


def _masked(logits: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
    return mask_invalid(logits, masks, _INVALID)


def _draw(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int64 (n,), each row's action with the softmax's probability."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    sums = p.cumsum(axis=1)
    # Always below the total: otherwise rounding could reach the last action even where that is invalid.
    thresholds = rng.random((len(p), 1)) * sums[:, -1:] * (1 - 1e-6)
    return (sums <= thresholds).sum(axis=1)


class Categorical(Distribution):
    """One of n actions, by logits."""

    def __init__(self, n: int) -> None:
        self.size = n

    def sample(
        self, head: np.ndarray, log_std: np.ndarray, masks: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        return _draw(_masked(head, masks), rng)

    def mode(self, head: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        return _masked(head, masks).argmax(axis=1)

    def executed(self, raw: np.ndarray) -> np.ndarray:
        return raw

    def evaluate(self, head: np.ndarray, log_std: np.ndarray, raw: np.ndarray, masks: np.ndarray | None) -> Likelihood:
        log_p, p = _log_softmax(_masked(head, masks))
        rows = np.arange(len(raw))
        entropy = -(p * log_p).sum(axis=1)
        return Likelihood(log_p[rows, raw], entropy, (log_p, p, rows, raw))

    def gradient(
        self, likelihood: Likelihood, by_log_prob: np.ndarray, by_entropy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """d log p(a) = onehot(a) - p;  d H = -p (log p + H)."""
        log_p, p, rows, raw = likelihood.memo
        head = -p * (by_log_prob[:, None] + by_entropy[:, None] * (log_p + likelihood.entropy[:, None]))
        head[rows, raw] += by_log_prob
        return head, np.zeros(0, head.dtype)


class MultiCategorical(Distribution):
    """Several independent choices at once [37]; a mask has the choices' actions one after another."""

    def __init__(self, nvec: tuple[int, ...]) -> None:
        self.size = sum(nvec)
        ends = np.cumsum(nvec).tolist()
        self._parts = [(slice(end - n, end), Categorical(n)) for end, n in zip(ends, nvec, strict=True)]
        self._limits = np.array(nvec) - 1

    def sample(
        self, head: np.ndarray, log_std: np.ndarray, masks: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        drawn = [part.sample(head[:, s], log_std, _part(masks, s), rng) for s, part in self._parts]
        return np.stack(drawn, axis=1)

    def mode(self, head: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        return np.stack([part.mode(head[:, s], _part(masks, s)) for s, part in self._parts], axis=1)

    def executed(self, raw: np.ndarray) -> np.ndarray:
        return raw

    def evaluate(self, head: np.ndarray, log_std: np.ndarray, raw: np.ndarray, masks: np.ndarray | None) -> Likelihood:
        # Messages are checked against the bound of the largest choice, so that a smaller one may be out of range.
        raw = np.minimum(raw, self._limits)
        parts = [
            part.evaluate(head[:, s], log_std, raw[:, i], _part(masks, s)) for i, (s, part) in enumerate(self._parts)
        ]
        log_prob = sum(part.log_prob for part in parts)
        entropy = sum(part.entropy for part in parts)
        return Likelihood(np.asarray(log_prob), np.asarray(entropy), parts)

    def gradient(
        self, likelihood: Likelihood, by_log_prob: np.ndarray, by_entropy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        heads = [
            part.gradient(one, by_log_prob, by_entropy)[0]
            for (_, part), one in zip(self._parts, likelihood.memo, strict=True)
        ]
        head = np.concatenate(heads, axis=1)
        return head, np.zeros(0, head.dtype)


def _part(masks: np.ndarray | None, where: slice) -> np.ndarray | None:
    return None if masks is None else masks[:, where]


class Gaussian(Distribution):
    """Independent normal distributions [23-25]. The environment gets the action clipped to its bounds; the likelihood
    is that of the action as it was drawn [27]."""

    def __init__(self, action: Continuous) -> None:
        self.size = self.parameters = int(np.prod(action.shape, dtype=np.int64))
        self._shape = action.shape
        self._low = np.array([-np.inf if bound is None else bound for bound in action.low], np.float32)
        self._high = np.array([np.inf if bound is None else bound for bound in action.high], np.float32)

    def sample(
        self, head: np.ndarray, log_std: np.ndarray, masks: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray:
        return head + np.exp(log_std) * rng.standard_normal(head.shape, np.float32)

    def mode(self, head: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        return head

    def executed(self, raw: np.ndarray) -> np.ndarray:
        return np.clip(raw, self._low, self._high).reshape(len(raw), *self._shape)

    def evaluate(self, head: np.ndarray, log_std: np.ndarray, raw: np.ndarray, masks: np.ndarray | None) -> Likelihood:
        inverse = np.exp(-log_std)
        z = (raw - head) * inverse
        constant = log_std.sum() + self.size * _HALF_LOG_TWO_PI
        log_prob = -0.5 * (z * z).sum(axis=1) - constant
        entropy = np.full(len(raw), constant + 0.5 * self.size, z.dtype)
        return Likelihood(log_prob.astype(z.dtype, copy=False), entropy, (z, inverse))

    def gradient(
        self, likelihood: Likelihood, by_log_prob: np.ndarray, by_entropy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        z, inverse = likelihood.memo[:2]
        by_log_std = by_log_prob @ (z * z - 1) + by_entropy.sum()
        return by_log_prob[:, None] * z * inverse, by_log_std


class SquashedGaussian(Gaussian):
    """A normal distribution squashed by tanh and stretched to the bounds (Haarnoja et al. 2018, appendix C).

    Raw actions are those before tanh. The entropy has no closed form: each action's own noise estimates it.
    """

    def __init__(self, action: Continuous) -> None:
        super().__init__(action)
        self._middle = (self._high + self._low) / 2
        self._half = (self._high - self._low) / 2
        # An action with equal bounds has no density and is always the same: it counts as if it were not stretched.
        self._log_half = np.log(np.where(self._half > 0, self._half, 1.0).astype(np.float64))

    def executed(self, raw: np.ndarray) -> np.ndarray:
        stretched = self._middle + self._half * np.tanh(raw)
        return np.clip(stretched, self._low, self._high).reshape(len(raw), *self._shape)

    def evaluate(self, head: np.ndarray, log_std: np.ndarray, raw: np.ndarray, masks: np.ndarray | None) -> Likelihood:
        normal = super().evaluate(head, log_std, raw, masks)
        # The log of d executed / d raw = half * (1 - tanh(raw)^2). In this form 1 - tanh^2 does not underflow to 0 for
        # large |raw|: log(1 - tanh(x)^2) = 2 (log 2 - x - log(1 + exp(-2 x))).
        stretch = (self._log_half + 2 * (np.log(2.0) - raw - np.logaddexp(0, -2 * raw))).sum(axis=1)
        stretch = stretch.astype(normal.log_prob.dtype, copy=False)
        memo = (*normal.memo, np.tanh(raw), np.exp(log_std))
        return Likelihood(normal.log_prob - stretch, normal.entropy + stretch, memo)

    def gradient(
        self, likelihood: Likelihood, by_log_prob: np.ndarray, by_entropy: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """In log_prob the raw action is fixed, and so is the stretch. In the entropy, an expectation over actions, the
        action moves with the parameters: raw = head + std * z (Kingma and Welling 2014, the reparameterization)."""
        z, _, squashed, std = likelihood.memo
        head, by_log_std = super().gradient(likelihood, by_log_prob, by_entropy)
        by_raw = -2 * squashed * by_entropy[:, None]
        return head + by_raw, by_log_std + (by_raw * z * std).sum(axis=0)
