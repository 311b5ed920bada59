"""Actor and learner together: the learner's old policy is the one that acted, and both together learn."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Continuous, Discrete, Environment, EnvSpec, MultiDiscrete, Weights, lstm_step
from soulsai_core.messages import Step
from soulsai_core.testing.rollout import Rollout
from soulsai_core.testing.scripted import ScriptedEnvironment
from soulsai_ppo.acting.actor import PPOActor
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learning.learner import PPOLearner
from soulsai_ppo.learning.minibatches import sequence_lengths
from soulsai_ppo.plugin import plugin
from soulsai_ppo.rollouts.columns import BEGINS, LEARNED, START
from soulsai_ppo.spaces import STATE

VECTOR = {"observation": ArraySpec((4,), "float32")}
SPECS = {
    "discrete": EnvSpec("discrete", VECTOR, Discrete(3)),
    "masked": EnvSpec("masked", VECTOR, Discrete(3), masked=True),
    "continuous": EnvSpec("continuous", VECTOR, Continuous((2,), (-1.0, -1.0), (1.0, 1.0))),
    "several": EnvSpec("several", VECTOR, MultiDiscrete((2, 3))),
    "image": EnvSpec("image", {"observation": ArraySpec((36, 36), "uint8", 0, 255)}, Discrete(3)),
}


def pair(config, spec, environment, seed=0):
    """A learner, and a client of it."""
    learner = PPOLearner(config, spec, np.random.default_rng(seed))
    actor = PPOActor(config, spec, np.random.default_rng(seed + 1))
    return learner, Rollout(actor, environment, spec, plugin.columns(config, spec))


def play(learner, client, iteration, late=lambda step: False):
    """One rollout into the learner, in messages of about 16 rows; returns the rewards."""
    client.load(Weights(iteration, learner.weights(), quota=learner.quota()))
    rewards = []
    steps = 0
    while not client.recorder.quota_reached:
        client.step(late=late(steps))
        steps += 1
        if client.recorder.rows >= 16 or client.recorder.quota_reached:
            batch = client.recorder.take()
            learner.add(batch, "a")
            rewards.append(batch.columns["reward"])
    return np.concatenate(rewards)


@pytest.mark.parametrize(
    ("space", "settings", "next_step"),
    [
        ("discrete", {"normalize_observations": True}, False),
        ("masked", {}, True),
        ("several", {}, False),
        ("continuous", {"squash": True, "normalize_observations": True}, False),
        ("continuous", {}, True),
        ("discrete", {"lstm": 6, "sequence_length": 8, "normalize_observations": True}, False),
        ("discrete", {"lstm": 6, "sequence_length": 8}, True),
        ("image", {"lstm": 6, "sequence_length": 8}, False),
        ("image", {"shared": False}, False),
    ],
    ids=str,
)
def test_learner_computes_the_log_probabilities_with_which_the_actor_acted(space, settings, next_step, monkeypatch):
    """In every row of several rounds, although they are not sent; also around late steps."""
    config = PPOConfig(rollout=60, minibatch_size=20, clients=1, hidden=(8,), epochs=1, **settings)
    spec = SPECS[space]
    learner, client = pair(config, spec, ScriptedEnvironment(spec, 3, lengths=(1, 4, 9), next_step=next_step))
    distribution = client.actor._distribution
    drawn = []

    def sample(head, log_std, masks, rng, draw=distribution.sample):
        raw = draw(head, log_std, masks, rng)
        drawn.append(distribution.evaluate(head, log_std, raw, masks).log_prob)
        return raw

    monkeypatch.setattr(distribution, "sample", sample)
    found = []
    prepare = learner._trainer._prepare

    def prepared(*args):
        columns = prepare(*args)
        found.extend(columns["old_log_prob"][columns[LEARNED]])
        return columns

    monkeypatch.setattr(learner._trainer, "_prepare", prepared)
    for iteration in range(3):
        drawn.clear(), found.clear()
        play(learner, client, iteration, late=lambda step: step % 7 == 3)
        learner.update()
        assert len(found) > 45
        late = np.arange(len(drawn)) % 7 == 3
        by_stream = np.stack(drawn, axis=1)
        if not next_step:  # every action drawn was carried out
            np.testing.assert_allclose(found, by_stream[:, ~late].reshape(-1), atol=1e-5)
        for log_prob in found:
            assert np.abs(by_stream[:, ~late] - log_prob).min() < 1e-5


def test_value_after_a_row_is_computed_with_the_state_that_goes_on(monkeypatch):
    """Where an episode was truncated, before a late step, and at the end of the rollout."""
    config = PPOConfig(rollout=60, minibatch_size=20, clients=1, hidden=(), epochs=1, lstm=6, sequence_length=8)
    spec = SPECS["discrete"]
    learner, client = pair(config, spec, ScriptedEnvironment(spec, 3, lengths=(1, 4, 9)))
    given = []
    train = learner._trainer.train
    monkeypatch.setattr(learner._trainer, "train", lambda *args: given.append(args[0].rows) or train(*args))
    play(learner, client, 0, late=lambda step: step % 7 == 3)
    views = {name: array.copy() for name, array in learner.weights().items()}
    evaluate = learner._model.evaluate
    values = []
    monkeypatch.setattr(learner._model, "evaluate", lambda *args: values.append(evaluate(*args)[1]) or evaluate(*args))
    learner.update()
    rows = given[0]
    state = np.zeros(12, np.float32)
    assert sequence_lengths(rows).max() > 8, "rows that are not learned from come on top"
    for row, observation in enumerate(rows["observation"]):
        state = rows[STATE][row] if rows[BEGINS][row] else state
        state = np.zeros_like(state) if rows[START][row] else state
        state = lstm_step(observation[None], state[None], views["lstm.input"], views["lstm.state"], views["lstm.bias"])[
            0
        ]
        expected = state[:6] @ views["value.weight"][:, 0] + views["value.bias"][0]
        assert values[0][row] == pytest.approx(expected, abs=1e-5)
    assert np.count_nonzero(~rows[LEARNED]) > 10


class Echo(Environment):
    """The first observation of an episode tells the right action of its last step; the others tell nothing."""

    def __init__(self, num_envs, length=4, seed=0):
        self.num_envs = num_envs
        self._length = length
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
    """Share of episodes with the right last action, in the last round."""
    config = PPOConfig(
        rollout=512, minibatch_size=128, clients=1, hidden=(16,), epochs=6, gamma=0.95, learning_rate=5e-3, **settings
    )
    spec = EnvSpec("Echo", {"observation": ArraySpec((2,), "float32")}, Discrete(2))
    learner, client = pair(config, spec, Echo(8))
    for iteration in range(rounds):
        rewards = play(learner, client, iteration)
        learner.update()
    return rewards.sum() / (len(rewards) / 4)


def test_lstm_learns_what_has_to_be_remembered_and_a_network_without_one_cannot():
    assert echo_score(16, lstm=16, sequence_length=16) > 0.85
    assert echo_score(12) < 0.7
