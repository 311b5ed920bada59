"""DQN's client half for image stacks: it sends each frame once."""

from __future__ import annotations

import numpy as np

from soulsai_core import Arrays, EnvSpec, SampleBatch, Transitions
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.encoders import chosen_network
from soulsai_dqn.features import IMAGE, VECTOR, Features, number_of_actions
from soulsai_dqn.frames import FrameStack, FrameTrajectory
from soulsai_dqn.normalization import MEAN
from soulsai_dqn.policy import NormalizedQ, Policy
from soulsai_dqn.policy_actor import PolicyActor
from soulsai_dqn.priorities import td_errors
from soulsai_dqn.rewards import learned_rewards


class FrameActor(PolicyActor[Policy]):
    """Stacks frames, explores, and folds steps into n-step samples with a frame each."""

    def __init__(self, config: DQNConfig, spec: EnvSpec, rng: np.random.Generator) -> None:
        assert config.frame_stack is not None
        super().__init__(config, rng)
        self._stack = config.frame_stack
        self._features = Features(spec, self._stack)
        chosen_network(config.network, self._features)
        self._actions = number_of_actions(spec)
        self._masked = spec.masked
        self._stacks: dict[int, FrameStack] = {}
        self._trajectories: dict[int, FrameTrajectory] = {}

    def _policy_of(self, arrays: Arrays) -> Policy:
        from soulsai_dqn.torch_policy import TorchQ

        plain = {name: array for name, array in arrays.items() if not name.startswith("normalizer.")}
        policy: Policy = TorchQ(plain, self._config, self._features, self._actions, self._noise_rng)
        return NormalizedQ(policy, arrays) if MEAN in arrays else policy

    def act(self, observations: Arrays, masks: np.ndarray | None) -> np.ndarray:
        if self._policy is None:
            raise RuntimeError("act was called before load")
        x = self._features.of(observations)
        for env, frame in enumerate(x[IMAGE]):
            self._stacks.setdefault(env, FrameStack(self._stack)).see(frame)
        stacks = np.stack([self._stacks[env].image for env in range(len(x[IMAGE]))])
        return self._explorer.actions(self._policy.many({**x, IMAGE: stacks}), masks)

    def add(self, transitions: Transitions) -> None:
        after = self._features.of(transitions.next_observations)
        rewards = learned_rewards(transitions.rewards, self._config)
        ended = transitions.terminated | transitions.truncated
        before = self._features.vector(transitions.observations) if self._features.size else None
        for i, env in enumerate(transitions.rows.tolist()):
            stack = self._stacks[env]
            step = {
                IMAGE: stack.image,
                "action": np.int32(transitions.actions[i]),
                "reward": rewards[i],
                "terminated": transitions.terminated[i],
                "ended": ended[i],
                "iteration": np.int64(self._iteration),
                "env": np.int32(env),
                "age": np.int32(stack.age),
            }
            if before is not None:
                step |= {VECTOR: before[i].copy(), f"next_{VECTOR}": after[VECTOR][i].copy()}
            if self._masked:
                masks = transitions.next_masks
                step["next_mask"] = np.ones(self._actions, np.bool_) if masks is None else masks[i].copy()
            stack.stepped(ended=False)
            led_to = {IMAGE: stack.with_next(after[IMAGE][i])}
            stack.stepped(ended=bool(ended[i]))
            self._trajectories.setdefault(env, FrameTrajectory()).append(step, led_to)

    def take(self) -> SampleBatch | None:
        taken = [t.take(self._config.n_step, self._config.gamma) for t in self._trajectories.values()]
        batches = [self._finished(*pair) for pair in taken if pair is not None]
        if not batches:
            return None
        columns = {name: np.concatenate([b.columns[name] for b in batches]) for name in batches[0].columns}
        return SampleBatch(np.concatenate([b.iteration for b in batches]), columns)

    def _finished(self, batch: SampleBatch, following: Arrays) -> SampleBatch:
        """With the client's own TD errors, and of each stack the newest frame."""
        if self._config.prioritized is not None:
            assert self._policy is not None
            rows = {**batch.columns, **following}
            batch.columns["error"] = td_errors(self._policy, rows, self._config.value_rescaling)
        assert self._features.frame is not None
        batch.columns[IMAGE] = batch.columns[IMAGE][:, -self._features.frame[0] :].copy()
        return batch

    def cut(self) -> None:
        for stack in self._stacks.values():
            stack.stepped(ended=True)
        for trajectory in self._trajectories.values():
            trajectory.cut()
