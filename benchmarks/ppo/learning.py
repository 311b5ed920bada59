"""The return that PPO reaches in a given number of steps, with the settings of settings.yaml.

Each seed becomes one JSON line in results.jsonl. Learner and actors are the real ones, in one process: rounds are
exact, so separate processes would change only the time. The score is the mean return of 100 episodes with the final
policy, which takes its most likely action.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.common import Row, cores, run_alone, say
from soulsai_core import Environment, EnvSpec, StepBatch, Weights, starts_after, step_columns
from soulsai_core.client.recorder import Recorder
from soulsai_core.client.tally import EpisodeTally
from soulsai_core.environments.gym import plugin as games
from soulsai_core.messages import Step
from soulsai_ppo.acting.actor import PPOActor
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learning.learner import PPOLearner
from soulsai_ppo.spaces import own_columns

COMMAND = "python -m benchmarks.ppo.learning"
HERE = Path(__file__).parent
TARGETS = {"CartPole-v1": 500, "Acrobot-v1": -74, "LunarLander-v3": 250, "Pendulum-v1": -172}
CLIENTS = ("a", "b")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--environments", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--output", type=Path, default=HERE / "results.jsonl")


def measure(args: argparse.Namespace) -> list[Row]:
    return [_environment(name, args) for name in args.environments]


def _environment(name: str, args: argparse.Namespace) -> Row:
    with ProcessPoolExecutor(args.processes) as pool, args.output.open("a") as output:
        scores = []
        for result in pool.map(train, [name] * len(args.seeds), args.seeds):
            output.write(json.dumps(result) + "\n")
            say(f"{name}, seed {result['seed']}: {result['score']:.1f} after {result['seconds']:.0f} s")
            scores.append(result["score"])
    note = f"± {np.std(scores):.1f}, median {np.median(scores):.1f}, worst {min(scores):.1f}, {len(scores)} seeds"
    score = float(np.mean(scores))
    target = TARGETS[name]
    if target < 0:
        return Row(f"{name}, mean return, negated", -score, -target, "", COMMAND, at_most=True, note=note)
    return Row(f"{name}, mean return", score, target, "", COMMAND, note=note)


def train(name: str, seed: int) -> dict[str, Any]:
    """Train one seed to its last step. Returns the settings, the score and the learning curve."""
    recipe = yaml.safe_load((HERE / "settings.yaml").read_text())[name]
    config = PPOConfig(**recipe["settings"])
    game = games.config(id=name, num_envs=recipe["num_envs"])
    spec = games.spec(game)
    seeds = np.random.SeedSequence(seed).generate_state(5).tolist()
    learner = PPOLearner(config, spec, np.random.default_rng(seeds[0]))
    players = [
        Player(config, spec, np.random.default_rng(seeds[1 + i]), games.make(game, seeds[3 + i] % 2**31))
        for i in range(len(CLIENTS))
    ]
    learner.clients_changed(frozenset(CLIENTS))
    learner.started(resumed=False)
    steps = 0
    iteration = 0
    curve = []
    started = time.perf_counter()
    while steps < recipe["steps"]:
        weights = Weights(iteration, learner.weights(), steps, learner.quota())
        returns: list[float] = []
        for client, player in zip(CLIENTS, players, strict=True):
            batch, ended = player.play(weights)
            learner.add(batch, client)
            steps += len(batch)
            returns += ended
        learner.update()
        iteration += 1
        if returns:
            curve.append((steps, round(float(np.mean(returns)), 2)))
    seconds = time.perf_counter() - started
    learner.stopped()
    final = Weights(iteration, learner.weights(), steps)
    score = evaluate(config, spec, games.make(games.config(id=name, num_envs=10), seed + 10_000), final)
    return {"environment": name, "seed": seed, **recipe, "score": score, "seconds": seconds, "curve": curve}


class Player:
    """The loop of a client, without messages."""

    def __init__(self, config: PPOConfig, spec: EnvSpec, rng: np.random.Generator, environment: Environment) -> None:
        self._actor = PPOActor(config, spec, rng)
        self._environment = environment
        self._recorder = Recorder(step_columns(spec, own_columns(config, spec), 1e9), spec.observations)
        self._step: Step = environment.reset()
        self._recorder.begin(self._step)
        self._tally = EpisodeTally("player", time.monotonic)
        self._tally.begin(environment.num_envs)

    def play(self, weights: Weights) -> tuple[StepBatch, list[float]]:
        """Make one rollout. Returns its steps, and the returns of the episodes that ended in it."""
        self._actor.load(weights)
        self._recorder.load(weights.iteration, weights.quota)
        returns = []
        while not self._recorder.quota_reached:
            step = self._step
            actions, own = self._actor.act(step.observations, step.masks, self._recorder.starts)
            self._step = self._environment.step(actions)
            self._recorder.record(actions, own, self._step)
            self._tally.add(self._step)
            returns += [episode.total_reward for episode in self._tally.ends(self._step, weights.iteration, dict)]
        batch = self._recorder.take()
        assert batch is not None
        return batch, returns


def evaluate(config: PPOConfig, spec: EnvSpec, environment: Environment, weights: Weights) -> float:
    """Mean return of 100 episodes, 10 of each environment: short episodes, which end first, do not count more often."""
    actor = PPOActor(config, spec, np.random.default_rng(0), explore=False)
    actor.load(weights)
    step = environment.reset()
    returns = [[0.0] for _ in range(environment.num_envs)]
    starts = np.ones(environment.num_envs, np.bool_)
    while any(len(own) <= 10 for own in returns):
        actions, _ = actor.act(step.observations, step.masks, starts)
        step = environment.step(actions)
        starts = starts_after(step)
        for row, own in enumerate(returns):
            own[-1] += float(step.rewards[row])
            if step.terminated[row] or step.truncated[row]:
                own.append(0.0)
    environment.close()
    return float(np.mean([own[:10] for own in returns]))


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
