"""DQN's client half. It needs numpy only."""

from __future__ import annotations

import numpy as np

from soulsai_core import Actor, Arrays, EnvSpec, SampleBatch, Transitions, Weights
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.exploration import epsilon_at, greedy_action, random_action
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.policy import NumpyMLP
from soulsai_dqn.trajectory import Trajectory


class DQNActor(Actor):
    """Acts epsilon-greedily and folds steps into n-step samples."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        self._config = config
        self._reward_scale = config.reward_scale
        self._rng = rng
        self._features = Features(spec)
        self._actions = number_of_actions(spec)
        self._masked = spec.masked
        self._trajectories: dict[int, Trajectory] = {}
        self._policy: NumpyMLP | None = None
        self._iteration = -1
        self._epsilon = config.epsilon.start

    def load(self, weights: Weights) -> None:
        self._policy = NumpyMLP(weights.arrays)
        self._iteration = weights.iteration
        self._epsilon = epsilon_at(self._config.epsilon, weights.env_steps)

    def act(self, observations: Arrays, masks: np.ndarray | None) -> np.ndarray:
        if self._policy is None:
            raise RuntimeError("act was called before load")
        x = self._features.of(observations)
        if len(x) > 1:
            return self._act_on_many(x, masks)
        mask = None if masks is None else masks[0]
        if self._rng.random() < self._epsilon:
            return np.array([random_action(self._rng, mask, self._actions)], np.int64)
        values = self._policy.one(x[0])
        if mask is None:
            return values.argmax(keepdims=True)
        return np.array([greedy_action(values, mask)], np.int64)

    def _act_on_many(self, x: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        assert self._policy is not None
        values = self._policy.many(x)
        actions = np.empty(len(x), np.int64)
        explores = self._rng.random(len(x)) < self._epsilon
        for row, explore in enumerate(explores.tolist()):
            mask = None if masks is None else masks[row]
            if explore:
                actions[row] = random_action(self._rng, mask, self._actions)
            else:
                actions[row] = greedy_action(values[row], mask)
        return actions

    def add(self, transitions: Transitions) -> None:
        before, after = self._features.of(transitions.observations), self._features.of(transitions.next_observations)
        actions, rewards, masks = transitions.actions.tolist(), transitions.rewards.tolist(), transitions.next_masks
        terminated, truncated = transitions.terminated.tolist(), transitions.truncated.tolist()
        for i, row in enumerate(transitions.rows.tolist()):
            self._trajectory(row).append(
                self._iteration,
                before[i],
                actions[i],
                rewards[i] * self._reward_scale,
                terminated[i],
                truncated[i],
                after[i],
                None if masks is None else masks[i],
            )

    def _trajectory(self, row: int) -> Trajectory:
        trajectory = self._trajectories.get(row)
        if trajectory is None:
            trajectory = Trajectory(self._features.size, self._actions, masked=self._masked)
            self._trajectories[row] = trajectory
        return trajectory

    def take(self) -> SampleBatch | None:
        batches = [t.take(self._config.n_step, self._config.gamma) for t in self._trajectories.values()]
        known = [batch for batch in batches if batch is not None]
        if len(known) <= 1:
            return known[0] if known else None
        names = known[0].columns
        return SampleBatch(
            np.concatenate([batch.iteration for batch in known]),
            {name: np.concatenate([batch.columns[name] for batch in known]) for name in names},
        )

    def cut(self) -> None:
        for trajectory in self._trajectories.values():
            trajectory.cut()

    def metrics(self) -> dict[str, float]:
        return {"epsilon": self._epsilon}
