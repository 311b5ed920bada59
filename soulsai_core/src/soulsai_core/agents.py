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
    """A trained actor that plays its best, and the environment that it was trained on.

    Attributes:
        iteration: of its model.
    """

    actor: Actor
    spec: EnvSpec
    environment: EnvironmentPlugin
    environment_config: BaseModel
    iteration: int

    def act(self, observations: Arrays, masks: np.ndarray | None, starts: np.ndarray) -> np.ndarray:
        """Actions (n, *action shape) of n environments, for name -> (n, *shape), bool (n, actions) of valid actions or
        None, and bool (n,) that says in which environments an episode begins: there it forgets what was before."""
        return self.actor.act(observations, masks, starts)[0]

    def play(
        self, episodes: int = 1, *, environment: Environment | None = None, seed: int | None = None
    ) -> Iterator[Episode]:
        """Play so many episodes, and give out each one's result as it ends.

        Args:
            environment: where to play, one or several at once; None makes one from the training's settings and closes
                it in the end.
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
            for episode in tally.ends(step, self.iteration, self.actor.metrics)[:episodes]:
                episodes -= 1
                yield episode
