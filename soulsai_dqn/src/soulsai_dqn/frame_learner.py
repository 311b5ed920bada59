"""DQN's server half for image stacks, of which each frame is kept once."""

from __future__ import annotations

from soulsai_core import ArraySpec, EnvSpec
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.frame_replay import FrameReplay
from soulsai_dqn.frames import frame_columns
from soulsai_dqn.learner import DQNLearner, stated
from soulsai_dqn.optimization import chosen_device
from soulsai_dqn.replay import ReplayBuffer


class FrameLearner(DQNLearner):
    """Takes in rows with a frame each, and trains on stacks of them."""

    def _make_features(self, config: DQNConfig, spec: EnvSpec) -> Features:
        return Features(spec, config.frame_stack)

    def _make_columns(self, spec: EnvSpec, features: Features) -> dict[str, ArraySpec]:
        assert self._config.frame_stack is not None
        prioritized, actions = self._config.prioritized is not None, number_of_actions(spec)
        options = {"masked": spec.masked, "prioritized": prioritized}
        return frame_columns(features, actions, self._config.frame_stack, **options)

    def _make_replay(self) -> ReplayBuffer:
        config = self._config
        assert config.frame_stack is not None
        device = None if config.replay_device is None else chosen_device(config.replay_device, "replay_device")
        replay = FrameReplay(config.buffer_size, self.columns, config.frame_stack, config.prioritized, device)
        return stated(replay, device)
