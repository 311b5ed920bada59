"""Trained agents that play."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from soulsai_core.client.tally import EpisodeTally
from soulsai_core.contracts import Actor, Environment, EnvironmentPlugin
from soulsai_core.messages import Arrays, EnvSpec, Episode
from soulsai_core.steps import starts_after


@dataclass(frozen=True, slots=True)
class Agent:
    """A trained actor that acts without exploring, and the environment that it was trained on.

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
        self, episodes: int = 1, *, environment: Environment | None = None, seed: int | None = None
    ) -> Iterator[Episode]:
        """Play `episodes` episodes, and yield the result of each as it ends.

        Args:
            environment: where to play, one or several at once; None makes one from the run's settings and closes it in
                the end.
            seed: of the environment that is made.
        """
        if environment is None:
            with closing(self.environment.make(self.environment_config, seed)) as made:
                yield from self.play(episodes, environment=made)
            return
        tally = EpisodeTally("agent", time.monotonic)
        tally.begin(environment.num_envs)
        step = environment.reset()
        starts = np.ones(environment.num_envs, np.bool_)
        while episodes > 0:
            step = environment.step(self.act(step.observations, step.masks, starts))
            starts = starts_after(step)
            tally.add(step)
            # Several environments may end in the same step, with more episodes than were asked for.
            for episode in tally.ends(step, self.iteration, self.actor.metrics)[:episodes]:
                episodes -= 1
                yield episode
