"""The configured replay buffer, and the form in which steps are stored in it."""

from __future__ import annotations

from functools import partial

import numpy as np

from soulsai_core import IMAGE, EnvSpec, Features, StepBatch, step_columns
from soulsai_core.replay import PriorityOptions, Reading, Replay, Sequences, Stacks, Steps
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.trainer import chosen_device
from soulsai_dqn.networks.rescaling import rescaled, unrescaled
from soulsai_dqn.spaces import number_of_actions, own_columns, state_size


def make_replay(config: DQNConfig, spec: EnvSpec, features: Features) -> Replay:
    """A replay buffer of features, actions, rewards and the other columns of steps."""
    stored = {name: part for name, part in own_columns(config, spec).items() if part.sparse}
    of_steps = step_columns(spec, stored, np.inf)
    columns = features.columns() | {name: part for name, part in of_steps.items() if name not in spec.observations}
    observed = [*features.columns(), *(["mask"] if spec.masked else [])]
    device = config.replay_device
    priorities = config.prioritized
    return Replay(
        config.buffer_size,
        columns,
        observed,
        reading=_reading(config, spec),
        priorities=None if priorities is None else PriorityOptions(priorities.alpha, priorities.epsilon),
        first_error=partial(one_step_errors, rescaling=config.value_rescaling),
        device=None if device is None else str(chosen_device(device, "replay_device")),
    )


def _reading(config: DQNConfig, spec: EnvSpec) -> Reading:
    r = config.recurrent
    stacks = None if config.frame_stack is None else Stacks(config.frame_stack, IMAGE)
    if r is not None:
        return Sequences(r.burn_in, r.length, config.longest_n, state_size(r, number_of_actions(spec)), r.eta, stacks)
    return Steps() if stacks is None else stacks


def prepared(steps: StepBatch, features: Features, config: DQNConfig) -> StepBatch:
    """The same steps with features instead of observations, and with scaled and clipped rewards."""
    rewards = steps.columns["reward"]
    if config.reward_scale != 1:
        rewards = rewards * np.float32(config.reward_scale)
    if config.reward_clip is not None:
        rewards = rewards.clip(-config.reward_clip, config.reward_clip)
    columns = {**steps.columns, **features.of(steps.columns), "reward": rewards}
    # Without rows, too: a part of these steps has rows where the whole has none.
    after = {**steps.after, **features.of(steps.after)}
    return steps.with_columns(columns, after)


def one_step_errors(
    value: np.ndarray, reward: np.ndarray, discount: np.ndarray, best: np.ndarray, rescaling: float | None
) -> np.ndarray:
    """Absolute one-step TD errors (n,), for first priorities.

    Args:
        value: (n,) the actor's value of the chosen action, on the scale of values.
        reward, discount: (n,) of the step.
        best: (n,) the actor's largest value of the observation that followed, on the scale of values.
    """
    return np.abs(rescaled(reward + discount * unrescaled(best, rescaling), rescaling) - value)
