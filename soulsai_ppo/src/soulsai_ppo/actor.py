"""PPO's client half. It needs torch only for images."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, Arrays, EnvSpec, SampleBatch, Transitions, Weights
from soulsai_ppo.columns import ACTION, CUT, ENV, MASK, NEXT_VALUE, REWARD, TERMINATED, sample_columns
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.distributions import distribution_for
from soulsai_ppo.features import VECTOR, Features
from soulsai_ppo.normalization import normalize
from soulsai_ppo.parameters import shapes_of
from soulsai_ppo.policy import make_policy
from soulsai_ppo.rollout import Rollout

ROLLOUT = "rollout"
MEAN, INVERSE = "observation.mean", "observation.inverse"


class PPOActor(Actor):
    """Draws actions, and plays one rollout with each model.

    Args:
        greedy: take the most likely action instead, to see what was learned.
    """

    def __init__(self, config: PPOConfig, spec: EnvSpec, rng: np.random.Generator, *, greedy: bool = False) -> None:
        self._config = config
        self._greedy = greedy
        self._rng = rng
        self._features = Features(spec)
        self._distribution = distribution_for(spec, config)
        shapes_of(config, self._features, self._distribution)
        self._columns = sample_columns(config, spec, self._features, self._distribution)
        self._policy = make_policy(config)
        self._arrays: Arrays = {}
        self._iteration = -1
        self._rollout: Rollout | None = None
        self._taken: list[SampleBatch] = []
        self._raw = np.zeros(0)
        self._next: Arrays = {}

    def load(self, weights: Weights) -> None:
        self._arrays = weights.arrays
        self._policy.load(weights.arrays)
        if weights.iteration != self._iteration:
            self._iteration = weights.iteration
            self._close_rollout()

    def _close_rollout(self) -> None:
        """The next row begins another rollout; an incomplete one is given up, and goes out for the books."""
        if self._rollout is not None:
            self._rollout.release()
            rest = self._rollout.take()
            if rest is not None:
                self._taken.append(rest)
            self._rollout = None

    def act(self, observations: Arrays, masks: np.ndarray | None) -> np.ndarray:
        observed = self._observe(self._features.of(observations))
        head = self._policy.head(observed)
        if self._greedy:
            self._raw = self._distribution.mode(head, masks)
        else:
            self._raw = self._distribution.sample(head, self._arrays["log_std"], masks, self._rng)
        return self._distribution.executed(self._raw)

    def _observe(self, found: Arrays) -> Arrays:
        if MEAN not in self._arrays or VECTOR not in found:
            return found
        clip = self._config.observation_clip
        return {**found, VECTOR: normalize(found[VECTOR], self._arrays[MEAN], self._arrays[INVERSE], clip)}

    def add(self, transitions: Transitions) -> None:
        if self._rollout is None or self._rollout.complete:
            self._close_rollout()
            length = int(self._arrays[ROLLOUT][0])
            self._rollout = Rollout(self._columns, self._iteration, length, len(self._raw))
        rows, ended = transitions.rows, transitions.terminated | transitions.truncated
        cut = transitions.truncated & ~transitions.terminated
        columns = self._features.of(transitions.observations) | {
            ACTION: self._raw[rows],
            REWARD: transitions.rewards,
            TERMINATED: transitions.terminated,
            CUT: cut,
            NEXT_VALUE: np.float32(0),
            ENV: rows,
        }
        if MASK in self._columns:
            columns[MASK] = True if transitions.masks is None else transitions.masks
        columns |= self._policy.commit(rows, ended)
        self._rollout.append(columns, len(rows))
        self._next = {name: part.copy() for name, part in self._features.of(transitions.next_observations).items()}
        if cut.any():
            self._rollout.bootstrap(np.flatnonzero(cut), self._values(np.flatnonzero(cut)))
        if self._rollout.full:
            self._cut_open_rows()
            self._rollout.finish()

    def _values(self, which: np.ndarray) -> np.ndarray:
        """Values of what these rows of the newest step led to."""
        observed = self._observe({name: part[which] for name, part in self._next.items()})
        return self._policy.value(observed, which)

    def _cut_open_rows(self) -> None:
        assert self._rollout is not None
        which = self._rollout.open_rows()
        if len(which):
            self._rollout.bootstrap(which, self._values(which))
        self._rollout.release()

    def take(self) -> SampleBatch | None:
        newest = None if self._rollout is None else self._rollout.take()
        batches, self._taken = self._taken + ([] if newest is None else [newest]), []
        if len(batches) <= 1:
            return batches[0] if batches else None
        return SampleBatch(
            np.concatenate([batch.iteration for batch in batches]),
            {name: np.concatenate([batch.columns[name] for batch in batches]) for name in self._columns},
        )

    def cut(self) -> None:
        if self._rollout is not None and not self._rollout.complete:
            self._cut_open_rows()
        self._policy.forget()

    def ready(self) -> bool:
        return self._rollout is None or not self._rollout.complete
