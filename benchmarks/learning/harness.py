"""One training in one process: DQN's real learner and actors, with the weights as old as they are between processes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from soulsai_core import Catalog, Environment, Learner, Weights
from soulsai_core.contracts import Actor
from soulsai_core.stepping import transitions
from soulsai_core.tally import EpisodeTally

LAGS = (1, 2)
"""How many iterations old the weights of an actor are."""


@dataclass
class Run:
    """What came of one seed.

    Attributes:
        solved: environment steps until the last `window` episodes averaged `goal`, None if they never did.
        cpu_s: CPU time of the learner up to there (the whole run, if never).
        curve: (environment steps, mean of the last `window` episodes).
        final: mean return of greedy episodes at the end, None if they were not asked for.
    """

    name: str
    seed: int
    solved: int | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    steps: int = 0
    curve: list[tuple[int, float]] = field(default_factory=list)
    final: float | None = None

    def line(self) -> dict[str, Any]:
        """As a JSON line."""
        return asdict(self)


class Loop:
    """Actors and a learner that take turns: `update_every` steps of all actors, then the iterations due.

    Args:
        algorithm, settings: plugin and its settings.
        environment: settings of the gymnasium plugin.
        lags: each actor uses weights that are one of so many iterations old.
        staleness: admitted age in iterations; older rows are dropped, as the node does.
    """

    def __init__(
        self,
        algorithm: str,
        settings: Mapping[str, Any],
        environment: Mapping[str, Any],
        *,
        seed: int,
        clients: int = 2,
        lags: tuple[int, ...] = LAGS,
    ) -> None:
        catalog = Catalog()
        plugin, games = catalog.algorithm(algorithm), catalog.environment("gymnasium")
        self.config, self._game = plugin.config(**settings), games.config(**environment)
        self._make = games.make
        spec = games.spec(self._game)
        seeds = np.random.SeedSequence(seed).spawn(clients + 2)
        self.learner: Learner = plugin.learner(self.config, spec, np.random.default_rng(seeds[-1]))
        self._rng = np.random.default_rng(seeds[-2])
        self._lags = lags
        self.actors: list[Actor] = [plugin.actor(self.config, spec, np.random.default_rng(s)) for s in seeds[:clients]]
        environments = [games.make(self._game, int(s.generate_state(1)[0]) % 2**31) for s in seeds[:clients]]
        self._players = [_Player(a, e, str(i)) for i, (a, e) in enumerate(zip(self.actors, environments, strict=True))]
        self._tester = plugin.actor(
            self.config.model_copy(update={"exploration": "epsilon", "epsilon": _never(self.config)}),
            spec,
            np.random.default_rng(0),
        )
        self.steps = self.iteration = 0
        self.learner_s = 0.0
        self._published: deque[Weights] = deque(maxlen=1 + max(lags))
        self.learner.started(resumed=False)
        self.learner.clients_changed(frozenset(player.name for player in self._players))
        self._publish()

    def turn(self) -> list[float]:
        """Returns of the episodes that ended meanwhile."""
        share = max(self.learner.sync.rows_per_iteration // len(self._players), 1)
        returns: list[float] = []
        for player in self._players:
            lag = min(int(self._rng.choice(self._lags)), len(self._published) - 1)
            returns += player.play(share, self._published[-1 - lag])
            batch = player.actor.take()
            if batch is not None:
                fresh = batch.iteration > self.iteration - self.learner.sync.max_staleness
                self.learner.add(batch.select(fresh), player.name)
            self.steps += share
        started = time.process_time()
        while self.learner.ready():
            self.learner.update()
            self.iteration += 1
        self._publish()
        self.learner_s += time.process_time() - started
        return returns

    def greedy(self, episodes: int, seed: int) -> float:
        """Mean return of episodes without exploration, with the weights of agents that learn no more."""
        player = _Player(self._tester, self._make(self._game, seed), "tester")
        weights = Weights(self.iteration, self.learner.evaluation_weights(), self.steps)
        returns: list[float] = []
        while len(returns) < episodes:
            returns += player.play(100, weights)
            self._tester.take()
        player.environment.close()
        return float(np.mean(returns[:episodes]))

    def close(self) -> None:
        """Nothing is left behind."""
        self.learner.stopped()
        for player in self._players:
            player.environment.close()

    def _publish(self) -> None:
        self._published.append(Weights(self.iteration, self.learner.weights(), self.steps))


class _Player:
    """A client's loop without the network."""

    def __init__(self, actor: Actor, environment: Environment, name: str) -> None:
        self.actor, self.environment, self.name = actor, environment, name
        self._step = environment.reset()
        self._tally = EpisodeTally(name, time.monotonic)
        self._tally.begin(environment.num_envs)

    def play(self, steps: int, weights: Weights) -> list[float]:
        self.actor.load(weights)
        returns = []
        for _ in range(max(steps // self.environment.num_envs, 1)):
            actions = self.actor.act(self._step.observations, self._step.masks)
            after = self.environment.step(actions)
            moved = transitions(self._step, actions, after)
            if moved is not None:
                self.actor.add(moved)
            episodes = self._tally.add(after, weights.iteration, self.actor.metrics)
            returns += [episode.total_reward for episode in episodes]
            self._step = after
        return returns


def _never(config: Any) -> Any:
    return config.epsilon.model_copy(update={"start": 0.0, "end": 0.0})


def train(
    name: str,
    loop: Loop,
    seed: int,
    *,
    max_steps: int,
    goal: float | None,
    stop: bool,
    window: int = 20,
    greedy: int = 0,
) -> Run:
    """Train until the goal is reached (if `stop`) or the steps are over."""
    run, recent, started = Run(name, seed), deque[float](maxlen=window), time.perf_counter()
    next_mark = 0
    while loop.steps < max_steps:
        recent.extend(loop.turn())
        if len(recent) < window:
            continue
        mean = float(np.mean(recent))
        if loop.steps >= next_mark:
            run.curve.append((loop.steps, round(mean, 2)))
            next_mark = loop.steps + max(max_steps // 100, 1)
        if goal is not None and run.solved is None and mean >= goal:
            run.solved, run.cpu_s = loop.steps, loop.learner_s
            if stop:
                break
    run.steps, run.wall_s = loop.steps, time.perf_counter() - started
    run.cpu_s = run.cpu_s or loop.learner_s
    if greedy:
        run.final = loop.greedy(greedy, seed + 10_000)
    loop.close()
    return run
