"""SAC learns the best action, adapts its temperature, and follows the replay ratio."""

import numpy as np
import pytest
from pydantic import ValidationError

from soulsai_core import ArraySpec, Continuous, End, Environment, EnvSpec, Step, StepBatch
from soulsai_core.testing.rollout import Subject, Training
from soulsai_sac.config import SACConfig
from soulsai_sac.learning.learner import SACLearner
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


def test_learning_that_could_never_start_is_refused():
    with pytest.raises(ValidationError, match=r"learning_starts \(1000\) must not be more than buffer_size \(500\)"):
        SACConfig(buffer_size=500)


def test_discarded_steps_in_a_full_buffer_do_not_keep_learning_from_starting(small):
    learner = SACLearner(small(buffer_size=20, learning_starts=20), SPEC, np.random.default_rng(0))
    for message in range(10):
        segments = [[0, 10 * message, 8, 0, 0, 1, End.GOES_ON], [0, 10 * message + 8, 2, 0, 0, 0, End.DISCARDED]]
        columns = {"observation": np.ones((10, 1), np.float32), "action": np.ones((10, 1), np.float32)}
        columns["reward"] = np.ones(10, np.float32)
        learner.add(StepBatch(np.array(segments), columns, {"observation": np.ones((1, 1), np.float32)}), "client")
    assert learner.ready() is None


def test_gradient_steps_beyond_a_small_ratio_are_not_owed_after_it_is_raised(trained):
    subject, training, _ = trained(20, replay_ratio=0.01)
    learner = training.learner
    made = []
    step = learner._trainer.step
    learner._trainer.step = lambda batch: (made.append(1), step(batch))[1]
    learner.change(subject.config.model_copy(update={"replay_ratio": 1.0}))
    training.run(1)
    assert len(made) == 16


@pytest.mark.parametrize(("ratio", "steps"), [(1.0, [16, 16, 16]), (0.1, [2, 1, 2])])
def test_gradient_steps_follow_the_replay_ratio(trained, ratio, steps):
    _, training, _ = trained(1, replay_ratio=ratio)
    trainer = training.learner._trainer
    made = []
    step = trainer.step
    trainer.step = lambda batch: (made.append(training.iteration), step(batch))[1]
    training.run(3)
    assert [made.count(iteration) for iteration in (1, 2, 3)] == steps
