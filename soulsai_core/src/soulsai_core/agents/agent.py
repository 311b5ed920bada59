"""Trained agents that play."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from soulsai_core.client.tally import EpisodeTally
from soulsai_core.contracts import Actor, Environment, EnvironmentPlugin
from soulsai_core.messages import Arrays, EnvSpec, Episode, Step
from soulsai_core.steps import starts_after


@dataclass(frozen=True, slots=True)
class Agent:
    """A trained actor, and the environment that it was trained on.

    Attributes:
        iteration: of the model.
    """

    actor: Actor
    spec: EnvSpec
    environment: EnvironmentPlugin
    environment_config: BaseModel
    iteration: int

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> np.ndarray:
        """Actions (n, *action shape) for n environments.

        Args:
            observations: name -> (n, *shape).
            masks: bool (n, actions), valid actions; None: all are valid.
            starts: bool (n,), in which environments an episode begins. A recurrent state is reset there.
        """
        return self.actor.act(observations, masks, starts)[0]

    def play(
        self,
        episodes: int = 1,
        *,
        environment: Environment | None = None,
        seed: int | None = None,
        watch: Callable[[Step], object] | None = None,
    ) -> Iterator[Episode]:
        """Play `episodes` episodes, and yield the result of each as it ends.

        Args:
            environment: where to play, one or several at once; None makes one from the run's settings and closes it in
                the end.
            seed: of the environment that is made.
            watch: called with the first step and with each further one, for example to show it.
        """
        if environment is None:
            with closing(self.environment.make(self.environment_config, seed)) as made:
                yield from self.play(episodes, environment=made, watch=watch)
            return
        # Looked up before: a step of a fast environment takes 30 µs.
        act = self.actor.act
        play = environment.step
        tally = EpisodeTally("agent", time.monotonic)
        tally.begin(environment.num_envs)
        add = tally.add
        within = np.zeros(environment.num_envs, np.bool_)
        starts = ~within
        step = environment.reset()
        while True:
            if watch is not None:
                watch(step)
            step = play(act(step.observations, step.masks, starts)[0])
            add(step)
            if step.valid is None and not _has_end(step):
                starts = within
                continue
            starts = starts_after(step)
            # Several environments may end in the same step, with more episodes than were asked for.
            for episode in tally.ends(step, self.iteration, self.actor.metrics)[:episodes]:
                episodes -= 1
                yield episode
            if episodes == 0:
                if watch is not None:
                    watch(step)
                return

    def play_seeds(self, seeds: Iterable[int]) -> Iterator[Episode]:
        """Play for each seed the first episode of an environment made with it. The same seed gives the same episode,
        whatever was played before and in which process."""
        environment: Environment | None = None
        try:
            for seed in seeds:
                # Making an environment may take longer than a short episode, or need a game to start.
                if environment is None or not environment.reseed(seed):
                    if environment is not None:
                        environment.close()
                    environment = self.environment.make(self.environment_config, seed)
                yield next(self.play(environment=environment))
        finally:
            if environment is not None:
                environment.close()


def _has_end(step: Step) -> bool:
    """Whether an episode ended. A reduction of an array takes longer than the look at a single row."""
    if len(step.rewards) == 1:
        return bool(step.terminated[0] or step.truncated[0])
    return bool(step.terminated.any() or step.truncated.any())
