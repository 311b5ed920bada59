"""Actor and learner together: the learner's old policy is the actor's, and both together learn."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Continuous, Discrete, Environment, EnvSpec, Weights
from soulsai_core.messages import Step
from soulsai_core.stepping import transitions
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_ppo.actor import PPOActor
from soulsai_ppo.columns import ACTION
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learner import PPOLearner

VECTOR = {"observation": ArraySpec((4,), "float32")}
SPECS = {
    "discrete": EnvSpec("discrete", VECTOR, Discrete(3)),
    "masked": EnvSpec("masked", VECTOR, Discrete(3), masked=True),
    "continuous": EnvSpec("continuous", VECTOR, Continuous((2,), (-1.0, -1.0), (1.0, 1.0))),
    "image": EnvSpec("image", {"observation": ArraySpec((36, 36), "uint8", 0, 255)}, Discrete(3)),
}


def pair(config, spec, seed=0):
    return (
        PPOLearner(config, spec, np.random.default_rng(seed)),
        PPOActor(config, spec, np.random.default_rng(seed + 1)),
    )


def play(learner, actor, environment, step, iteration):
    """One rollout into the learner; returns the last step and the rewards."""
    actor.load(Weights(iteration, {name: array.copy() for name, array in learner.weights().items()}))
    rewards = []
    while actor.ready():
        actions = actor.act(step.observations, step.masks)
        after = environment.step(actions)
        led_to = transitions(step, actions, after)
        if led_to is not None:
            actor.add(led_to)
        rewards.append(after.rewards.copy())
        step = after
    learner.add(actor.take(), "a")
    return step, np.concatenate(rewards)


@pytest.mark.parametrize("next_step", [False, True])
@pytest.mark.parametrize(
    ("space", "settings"),
    [
        ("discrete", {"normalize_observations": True}),
        ("masked", {}),
        ("continuous", {"squash": True, "normalize_observations": True}),
        ("discrete", {"lstm": 6, "sequence_length": 8, "normalize_observations": True}),
        ("image", {"lstm": 6, "sequence_length": 8}),
        ("image", {"shared": False}),
    ],
    ids=str,
)
def test_learner_finds_the_log_probabilities_that_the_actor_had(space, settings, next_step, monkeypatch):
    """In every row of several rounds, though they are not sent."""
    config = PPOConfig(rollout=60, minibatch_size=20, clients=1, hidden=(8,), epochs=1, **settings)
    spec = SPECS[space]
    learner, actor = pair(config, spec)
    environment = ScriptedEnvironment(spec, 3, lengths=(1, 4, 9), next_step=next_step)
    step = environment.reset()
    drawn = []

    def sample(head, log_std, masks, rng, draw=actor._distribution.sample):
        raw = draw(head, log_std, masks, rng)
        likelihood = actor._distribution.evaluate(head, log_std, raw, masks)
        drawn.extend(
            (np.array(action).tobytes(), float(log_prob))
            for action, log_prob in zip(raw, likelihood.log_prob, strict=True)
        )
        return raw

    monkeypatch.setattr(actor._distribution, "sample", sample)
    prepare = learner._trainer._prepare
    found = []

    def prepared(experience, sequences):
        columns = prepare(experience, sequences)
        found.extend((a.tobytes(), float(p)) for a, p in zip(columns[ACTION], columns["old_log_prob"], strict=True))
        return columns

    monkeypatch.setattr(learner._trainer, "_prepare", prepared)
    for iteration in range(3):
        drawn.clear(), found.clear()
        step, _ = play(learner, actor, environment, step, iteration)
        learner.update()
        known = sorted(drawn)
        assert len(found) >= 60
        if not next_step:  # every action drawn was carried out
            np.testing.assert_allclose(sorted(p for _, p in found), sorted(p for _, p in known), atol=1e-5)
        for action, log_prob in found:
            assert any(a == action and abs(p - log_prob) < 1e-5 for a, p in known), (action, log_prob)


class Echo(Environment):
    """The first observation of an episode says which action its last step wants; those between say nothing."""

    def __init__(self, num_envs, length=4, seed=0):
        self.num_envs, self._length = num_envs, length
        self._rng = np.random.default_rng(seed)

    def reset(self):
        self._age = np.zeros(self.num_envs, np.int64)
        self._cue = self._rng.integers(2, size=self.num_envs)
        none = np.zeros(self.num_envs, np.bool_)
        return Step(self._observations(), np.zeros(self.num_envs, np.float32), none, none.copy())

    def step(self, actions):
        self._age += 1
        over = self._age >= self._length
        rewards = (over & (actions == self._cue)).astype(np.float32)
        last = self._observations()["observation"]
        self._age[over] = 0
        self._cue[over] = self._rng.integers(2, size=over.sum())
        final = {int(row): {"observation": last[row]} for row in np.flatnonzero(over)}
        return Step(self._observations(), rewards, over, np.zeros_like(over), final)

    def _observations(self):
        shown = np.where(self._age == 0, 2 * self._cue - 1, 0)
        return {"observation": np.stack([shown, self._age == self._length - 1], axis=1).astype(np.float32)}

    def close(self):
        pass


def echo_score(rounds, **settings):
    """Share of episodes answered rightly in the last round."""
    config = PPOConfig(
        rollout=512, minibatch_size=128, clients=1, hidden=(16,), epochs=6, gamma=0.95, learning_rate=5e-3, **settings
    )
    spec = EnvSpec("Echo", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
    learner, actor = pair(config, spec)
    environment = Echo(8)
    step = environment.reset()
    for iteration in range(rounds):
        step, rewards = play(learner, actor, environment, step, iteration)
        learner.update()
    return rewards.sum() / (len(rewards) / 4)


def test_lstm_learns_what_has_to_be_remembered_and_a_network_without_one_cannot():
    assert echo_score(30, lstm=16, sequence_length=16) > 0.9
    assert echo_score(30) < 0.7
