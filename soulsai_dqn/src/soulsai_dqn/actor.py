"""DQN's client half. It needs numpy only, but for images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soulsai_core import Arrays, EnvSpec, SampleBatch, Transitions, Weights
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.encoders import chosen_network, mlp
from soulsai_dqn.exploration import random_action
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.normalization import MEAN
from soulsai_dqn.policy import NoisyQ, NormalizedQ, NumpyQ, Policy
from soulsai_dqn.policy_actor import PolicyActor
from soulsai_dqn.priorities import td_errors
from soulsai_dqn.step_log import StepLog
from soulsai_dqn.trajectory import Trajectory


class DQNActor(PolicyActor[Policy]):
    """Explores, and folds steps into n-step samples."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        super().__init__(config, rng)
        self._features = Features(spec)
        self._in_numpy = chosen_network(config.network, self._features) is mlp
        self._actions = number_of_actions(spec)
        self._log = StepLog(self._features, self._actions, masked=spec.masked, rewards=self._rewards)
        self._trajectories: dict[int, Trajectory] = {}
        self._shares: list[float] = []

    def load(self, weights: Weights) -> None:
        super().load(weights)
        self._shares = [self._explorer.share(row) for row in range(len(self._shares))]

    def _policy_of(self, arrays: Arrays) -> Policy:
        policy = self._plain_policy_of({name: a for name, a in arrays.items() if not name.startswith("normalizer.")})
        return NormalizedQ(policy, arrays) if MEAN in arrays else policy

    def _plain_policy_of(self, arrays: Arrays) -> Policy:
        if self._in_numpy and self._config.noisy:
            return NoisyQ(arrays, self._config, self._actions, self._noise_rng)
        if self._in_numpy:
            return NumpyQ(arrays, self._config, self._actions)
        from soulsai_dqn.torch_policy import TorchQ

        return TorchQ(arrays, self._config, self._features, self._actions, self._noise_rng)

    def act(self, observations: Arrays, masks: np.ndarray | None) -> np.ndarray:
        if self._policy is None:
            raise RuntimeError("act was called before load")
        x = self._features.of(observations)
        count = len(next(iter(x.values())))
        if len(self._shares) != count:
            self._shares = [self._explorer.share(row) for row in range(count)]
        if count > 1:
            return self._act_on_many(x, masks)
        mask = None if masks is None else masks[0]
        if self._rng.random() < self._shares[0]:
            return np.array([random_action(self._rng, mask, self._actions)], np.int64)
        values = self._policy.one(x)
        if mask is None and self._explorer.temperature is None:
            return values.argmax(axis=0, keepdims=True)
        return np.array([self._explorer.choose(values, mask)], np.int64)

    def _act_on_many(self, x: Arrays, masks: np.ndarray | None) -> np.ndarray:
        assert self._policy is not None
        values = self._policy.many(x)
        actions = np.empty(len(values), np.int64)
        chances = self._rng.random(len(values)).tolist()
        for row, chance in enumerate(chances):
            mask = None if masks is None else masks[row]
            if chance < self._shares[row]:
                actions[row] = random_action(self._rng, mask, self._actions)
            else:
                actions[row] = self._explorer.choose(values[row], mask)
        return actions

    def add(self, transitions: Transitions) -> None:
        self._log.add((self._iteration, transitions))

    def _rewards(self, rewards: np.ndarray) -> np.ndarray:
        """What is learned from, for float32 (n,) rewards of the environment."""
        scaled, clip = rewards * np.float32(self._config.reward_scale), self._config.reward_clip
        return scaled if clip is None else scaled.clip(-clip, clip)

    def _remember(self) -> None:
        """Hand every environment's new steps to its trajectory."""
        for environment, steps in self._log.take():
            if environment not in self._trajectories:
                self._trajectories[environment] = Trajectory(self._features.shapes())
            self._trajectories[environment].extend(steps)

    def take(self) -> SampleBatch | None:
        self._remember()
        batches = [t.take(self._config.n_step, self._config.gamma) for t in self._trajectories.values()]
        known = [batch for batch in batches if batch is not None]
        batch = _joined(known) if len(known) > 1 else next(iter(known), None)
        if batch is not None and self._config.prioritized is not None:
            assert self._policy is not None
            batch.columns["error"] = td_errors(self._policy, batch.columns, self._config.value_rescaling)
        return batch

    def cut(self) -> None:
        self._remember()
        for trajectory in self._trajectories.values():
            trajectory.cut()


def _joined(batches: Sequence[SampleBatch]) -> SampleBatch:
    names = batches[0].columns
    return SampleBatch(
        np.concatenate([batch.iteration for batch in batches]),
        {name: np.concatenate([batch.columns[name] for batch in batches]) for name in names},
    )
