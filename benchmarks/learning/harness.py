"""One training in one process, with the real learner and actors. Weights are as old as they are between processes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning.saving import KeptRun
from soulsai_core import ITERATION, Actor, Catalog, Environment, EnvSpec, Learner, Weights, step_columns
from soulsai_core.client.recorder import Recorder
from soulsai_core.client.tally import EpisodeTally
from soulsai_core.messages import ArraySpec
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.run_folder import CHECKPOINT

LAGS = (1, 2)
"""Ages of the actors' weights, in iterations; one is drawn for each turn."""

_SHORT = 20
_LONG = 100
"""Episodes whose mean is compared with the goal."""


@dataclass
class Run:
    """The result of one seed.

    Attributes:
        solved: environment steps until the mean of the last 20 episodes reached the goal, None if it did not.
        solved_100: the same for the last 100 episodes, which is Gym's own measure.
        cpu_s: CPU seconds of the learner until then (of the whole run if it did not).
        curve: (environment steps, mean of the last 20 episodes).
        greedy: (environment steps, mean return of greedy episodes), at certain steps on the way.
        final: mean return of greedy episodes at the end, None without them.
    """

    name: str
    seed: int
    solved: int | None = None
    solved_100: int | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    steps: int = 0
    curve: list[tuple[int, float]] = field(default_factory=list)
    greedy: list[tuple[int, float]] = field(default_factory=list)
    final: float | None = None

    def line(self) -> dict[str, Any]:
        """The values of a JSON line."""
        return asdict(self)


class Loop:
    """Actors and a learner that take turns: the actors make the rows of an iteration, then the learner its updates.

    Args:
        algorithm, settings: the plugin and its settings.
        environment: settings of the gymnasium plugin.
        lags: ages of the actors' weights in iterations, of which one is drawn for each turn. Rows that are then
            too old are dropped, as in the node.
        keep: new folder in which the training is kept as a run; None: nowhere.

    Attributes:
        kept: the run in that folder.
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
        keep: Path | None = None,
    ) -> None:
        catalog = Catalog()
        self._plugin = catalog.algorithm(algorithm)
        games = catalog.environment("gymnasium")
        self._config = self._plugin.config(**settings)
        self._game = games.config(**environment)
        self._make = games.make
        self._spec = games.spec(self._game)
        seeds = np.random.SeedSequence(seed).spawn(clients + 2)
        self.learner: Learner = self._plugin.learner(self._config, self._spec, np.random.default_rng(seeds[-1]))
        self._rng = np.random.default_rng(seeds[-2])
        self._lags = lags
        self._sync = self._plugin.sync(self._config)
        self._pace = UpdatePace(self._sync.rows_per_iteration)
        self.kept = None if keep is None else KeptRun(keep, algorithm, settings, environment, self._sync)
        self._players = [self._player(one, int(one.generate_state(1)[0]) % 2**31) for one in seeds[:clients]]
        for index, player in enumerate(self._players):
            player.actor.index_assigned(index)  # as a node numbers its clients: a ladder of epsilons is built on it
        self.steps = 0
        self.iteration = 0
        self.learner_s = 0.0
        self._published: deque[Weights] = deque(maxlen=1 + max(lags))
        self.learner.started(resumed=False)
        self.learner.clients_changed(frozenset(map(str, range(clients))))
        self._publish()

    def _player(self, of_actor: Any, of_environment: int, *, explore: bool = True) -> _Player:
        actor = self._plugin.actor(self._config, self._spec, np.random.default_rng(of_actor), explore)
        own = self._plugin.columns(self._config, self._spec)
        return _Player(actor, self._make(self._game, of_environment), self._spec, own)

    def turn(self) -> list[float]:
        """One turn of all actors and the learner. Returns the returns of the episodes that ended."""
        share = max(self._sync.rows_per_iteration // len(self._players), 1)
        returns: list[float] = []
        for number, player in enumerate(self._players):
            lag = min(int(self._rng.choice(self._lags)), len(self._published) - 1)
            returns += player.play(share, self._published[-1 - lag])
            self._learn_from(player, str(number))
        started = time.process_time()
        while self._pace.due(self.learner.ready()):
            self.learner.update()
            self.iteration += 1
        self._publish()
        self.learner_s += time.process_time() - started
        return returns

    def _learn_from(self, player: _Player, name: str) -> None:
        steps = player.recorder.take()
        if steps is None:
            return
        self.steps += len(steps)
        fresh = steps.select(steps.segments[:, ITERATION] > self.iteration - self._sync.max_staleness)
        if len(fresh) or fresh.closed is not None:
            if self.kept is not None:
                self.kept.keep(fresh, name, self.iteration)
            self.learner.add(fresh, name)
            self._pace.admitted(len(fresh))

    def greedy(self, episodes: int, seed: int) -> float:
        """Mean return of episodes without exploration, with the weights for evaluation."""
        player = self._player(0, seed, explore=False)
        weights = Weights(self.iteration, self.learner.evaluation_weights(), self.steps)
        returns: list[float] = []
        while len(returns) < episodes:
            returns += player.play(100, weights)
            player.recorder.take()
        player.environment.close()
        return float(np.mean(returns[:episodes]))

    def save(self, name: str) -> None:
        """Write a checkpoint, where the training is kept."""
        if self.kept is not None:
            self.kept.save(name, self.learner, self.iteration)

    def close(self) -> None:
        """Stop the learner and close the environments."""
        self.learner.stopped()
        if self.kept is not None:
            self.kept.close()
        for player in self._players:
            player.environment.close()

    def _publish(self) -> None:
        weights = Weights(self.iteration, self.learner.weights(), self.steps, self.learner.quota())
        self._published.append(weights)


class _Player:
    """The loop of a client, without messages."""

    def __init__(self, actor: Actor, environment: Environment, spec: EnvSpec, own: Mapping[str, ArraySpec]) -> None:
        self.environment = environment
        self.recorder = Recorder(step_columns(spec, own, np.inf), spec.observations)
        self.actor = actor
        self._step = environment.reset()
        self.recorder.begin(self._step)
        self._tally = EpisodeTally("player", time.monotonic)
        self._tally.begin(environment.num_envs)

    def play(self, steps: int, weights: Weights) -> list[float]:
        """Make `steps` steps of all environments together, but no more than the quota allows. Returns the returns of
        the episodes that ended."""
        self.actor.load(weights)
        self.recorder.load(weights.iteration, weights.quota)
        returns = []
        for _ in range(max(steps // self.environment.num_envs, 1)):
            if self.recorder.quota_reached:
                break
            actions, own = self.actor.act(self._step.observations, self._step.masks, self.recorder.starts)
            self._step = self.environment.step(actions)
            self.recorder.record(actions, own, self._step)
            self._tally.add(self._step)
            episodes = self._tally.ends(self._step, weights.iteration, self.actor.metrics)
            returns += [episode.total_reward for episode in episodes]
        return returns


def train(
    name: str,
    loop: Loop,
    seed: int,
    *,
    max_steps: int,
    goal: float | None = None,
    stop: bool = False,
    greedy: int = 0,
    greedy_every: int | None = None,
    save_every: int | None = None,
) -> Run:
    """Train until the goal is reached (if `stop`) or `max_steps` are made.

    Args:
        greedy: episodes without exploration at the end.
        greedy_every: environment steps after which these are played on the way, too; None: never.
        save_every: environment steps between two checkpoints, where the training is kept; None: only the last one.
    """
    run = Run(name, seed)
    returns = deque[float](maxlen=_LONG)
    started = time.perf_counter()
    points = _Marks(max(max_steps // 100, 1))
    saves = _Marks(save_every)
    evaluations = _Marks(greedy_every)
    while loop.steps < max_steps and not (stop and run.solved):
        returns.extend(loop.turn())
        if (mark := saves.passed(loop.steps)) is not None:
            loop.save(f"step-{mark:07d}")
        if (mark := evaluations.passed(loop.steps)) is not None:
            run.greedy.append((mark, loop.greedy(greedy, seed + 10_000)))
        if len(returns) < _SHORT:
            continue
        mean = float(np.mean(list(returns)[-_SHORT:]))
        if points.passed(loop.steps) is not None:
            run.curve.append((loop.steps, round(mean, 2)))
        if goal is not None and run.solved is None and mean >= goal:
            run.solved = loop.steps
            run.cpu_s = loop.learner_s
        if goal is not None and run.solved_100 is None and len(returns) == _LONG and np.mean(returns) >= goal:
            run.solved_100 = loop.steps
    run.steps = loop.steps
    run.wall_s = time.perf_counter() - started
    run.cpu_s = run.cpu_s or loop.learner_s
    if greedy:
        run.final = loop.greedy(greedy, seed + 10_000)
    loop.save(CHECKPOINT)
    loop.close()
    return run


class _Marks:
    """Multiples of `every` steps, each reported once; with None there are none."""

    def __init__(self, every: int | None) -> None:
        self._every = every
        self._next = every

    def passed(self, steps: int) -> int | None:
        """The mark that was passed since the last one, None if there was none."""
        if self._every is None or self._next is None or steps < self._next:
            return None
        mark = steps // self._every * self._every
        self._next = mark + self._every
        return mark
