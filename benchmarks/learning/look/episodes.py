"""Episodes without exploration, step by step, and the true returns of their steps."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from benchmarks.learning.look.loading import LoadedRun
from soulsai_core import IMAGE, Arrays, Environment, Step
from soulsai_dqn.acting.frames import FrameStacks

UNKNOWN_SHARE = 0.05
"""A truncated episode would have gone on. The return of a step is taken as known if what came after the truncation is
discounted to less than this."""


@dataclass(slots=True)
class EpisodeSteps:
    """One episode of T steps.

    Attributes:
        features: name -> (T, *shape), what the network sees of the observation that was acted on.
        masks: bool (T, actions), valid actions; None: all are valid.
        actions, rewards: (T,).
        durations: (T,) in usual steps.
        terminated: False if it was truncated.
    """

    features: Arrays
    masks: np.ndarray | None
    actions: np.ndarray
    rewards: np.ndarray
    durations: np.ndarray
    terminated: bool

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def total(self) -> float:
        """The return, undiscounted and as the environment gives it."""
        return float(self.rewards.sum())

    def returns(self, gamma: float, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Discounted returns (T,) of these rewards (T,), and bool (T,) whether they are known."""
        discounts = gamma**self.durations
        returns = np.zeros(len(self))
        left = np.zeros(len(self))  # discount of what followed the episode
        following = 0.0
        rest = 0.0 if self.terminated else 1.0
        for t in reversed(range(len(self))):
            following = rewards[t] + discounts[t] * following
            rest *= discounts[t]
            returns[t] = following
            left[t] = rest
        return returns, left < UNKNOWN_SHARE


@dataclass(slots=True)
class _Open:
    """The steps of an episode that goes on, each (observation, mask, action, reward, duration)."""

    steps: list[tuple[Arrays, np.ndarray | None, int, float, float]] = field(default_factory=list)


class RecordedEnvironment(Environment):
    """An environment whose episodes are handed on, step by step.

    Args:
        complete: called with the steps of each episode that ended, and whether it terminated.
    """

    def __init__(self, environment: Environment, complete: Callable[[_Open, bool], object]) -> None:
        self.num_envs = environment.num_envs
        self._environment = environment
        self._complete = complete
        self._open = [_Open() for _ in range(self.num_envs)]
        self._step: Step | None = None

    def reset(self) -> Step:
        self._step = self._environment.reset()
        return self._step

    def step(self, actions: np.ndarray) -> Step:
        before = self._step
        assert before is not None
        step = self._step = self._environment.step(actions)
        for row in range(self.num_envs):
            if step.valid is None or step.valid[row]:
                self._record(row, before, int(actions[row]), step)
        return step

    def _record(self, row: int, before: Step, action: int, step: Step) -> None:
        observation = {name: values[row] for name, values in before.observations.items()}
        mask = None if before.masks is None else before.masks[row]
        duration = 1.0 if step.durations is None else float(step.durations[row])
        self._open[row].steps.append((observation, mask, action, float(step.rewards[row]), duration))
        if step.terminated[row] or step.truncated[row]:
            self._complete(self._open[row], bool(step.terminated[row]))
            self._open[row] = _Open()

    def close(self) -> None:
        self._environment.close()


def play(run: LoadedRun, episodes: int, seed: int) -> list[EpisodeSteps]:
    """Play episodes without exploration, as an evaluation does."""
    found: list[EpisodeSteps] = []
    agent = run.agent
    made = agent.environment.make(agent.environment_config, seed)
    with closing(RecordedEnvironment(made, lambda steps, end: found.append(_complete(run, steps, end)))) as recorded:
        for _ in agent.play(episodes, environment=recorded):
            pass
    return found[:episodes]


def _complete(run: LoadedRun, opened: _Open, terminated: bool) -> EpisodeSteps:
    observations, masks, actions, rewards, durations = zip(*opened.steps, strict=True)
    columns = {name: np.stack([observation[name] for observation in observations]) for name in observations[0]}
    return EpisodeSteps(
        stacked(run, run.features.of(columns)),
        None if masks[0] is None else np.stack(masks),
        np.array(actions),
        np.array(rewards),
        np.array(durations),
        terminated,
    )


def stacked(run: LoadedRun, features: Arrays) -> Arrays:
    """Features (T, ...) of one episode from its beginning, with stacks of images where the network sees them."""
    if run.config.frame_stack is None:
        return features
    stacks = FrameStacks(run.config.frame_stack)
    frames = features[IMAGE]
    images = [stacks.push(frames[t : t + 1], np.array([t == 0])) for t in range(len(frames))]
    return {**features, IMAGE: np.concatenate(images)}
