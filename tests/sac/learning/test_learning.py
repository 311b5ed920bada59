"""SAC learns the best action, adapts its temperature, and follows the replay ratio."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Continuous, Environment, EnvSpec, Step
from soulsai_core.testing.rollout import Subject, Training
from soulsai_sac.plugin import plugin

SPEC = EnvSpec("target", {"observation": ArraySpec((1,), "float32")}, Continuous((1,), (0.0,), (5.0,)))


class Target(Environment):
    """Episodes of one step, whose reward is largest for the action 2."""

    num_envs = 1

    def reset(self):
        flags = np.zeros(1, np.bool_)
        return Step({"observation": np.ones((1, 1), np.float32)}, np.zeros(1, np.float32), flags, flags)

    def step(self, actions):
        first = self.reset()
        last = {"observation": np.ones(1, np.float32)}
        first.rewards = -np.square(actions[:, 0] - np.float32(2))
        first.terminated = np.ones(1, np.bool_)
        first.final = {0: last}
        return first

    def close(self):
        pass


@pytest.fixture
def trained(small):
    """A function: changes -> the training after some iterations, and the last report."""

    def run(updates=20, **changes):
        rates = {"actor_learning_rate": 3e-3, "critic_learning_rate": 5e-3}
        config = small(**{"hidden": (32,), "batch_size": 32, "update_every": 16, **rates, **changes})
        subject = Subject(plugin, config, SPEC)
        training = Training(subject, environments=lambda seed: Target())
        for _ in range(updates):
            training.feed()
            report = training.update()
        return subject, training, report

    return run


def greedy(subject, training):
    actor = subject.actor(explore=False)
    actor.load(next(iter(training.clients.values())).weights)
    actions, _ = actor.act({"observation": np.ones((1, 1), np.float32)}, None, np.ones(1, np.bool_))
    return float(actions[0, 0])


def test_best_action_is_found_within_the_bounds_of_the_environment(trained):
    subject, training, report = trained()
    assert abs(greedy(subject, training) - 2) < 0.5
    assert set(report) == {"critic_loss", "actor_loss", "value", "entropy", "temperature"}


def test_temperature_moves_towards_the_target_entropy(trained):
    high = trained(5, target_entropy=5.0)[2]["temperature"]
    low = trained(5, target_entropy=-5.0)[2]["temperature"]
    fixed = trained(1, temperature=0.3, temperature_learning_rate=0.0)[2]["temperature"]
    assert low < 1 < high
    assert fixed == pytest.approx(0.3)


@pytest.mark.parametrize(("ratio", "steps"), [(1.0, [16, 16, 16]), (0.1, [2, 1, 2])])
def test_gradient_steps_follow_the_replay_ratio(trained, ratio, steps):
    _, training, _ = trained(1, replay_ratio=ratio)
    trainer = training.learner._trainer
    made = []
    step = trainer.step
    trainer.step = lambda batch: (made.append(training.iteration), step(batch))[1]
    training.run(3)
    assert [made.count(iteration) for iteration in (1, 2, 3)] == steps
