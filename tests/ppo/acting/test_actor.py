"""What the actor plays and sends, and that every autoreset mode is learned from alike."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from soulsai_core import ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete, Weights
from soulsai_core.environments.gym.plugin import plugin as gym_plugin
from soulsai_core.testing.rollout import Rollout
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.plugin import plugin
from soulsai_ppo.rollouts.client_rollout import ClientRollout
from soulsai_ppo.rollouts.columns import ENV, LEARNED, START, TERMINATED
from soulsai_ppo.rollouts.gae import advantages
from soulsai_ppo.spaces import STATE

MODES = ("next_step", "same_step", "disabled")
LENGTHS = (3, 1, 7, 2, 5)


class Chapters(gymnasium.Env):
    """Episodes of known lengths that end by termination and truncation in turn; each observation occurs once."""

    observation_space = spaces.Box(-1e6, 1e6, (2,), np.float32)
    action_space = spaces.Discrete(1)

    def __init__(self):
        self.episode = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.episode < 0:
            self.offset = 0 if seed is None else seed % 10
        self.episode += 1
        self.step_number = 0
        return self._observation(), {}

    def step(self, action):
        self.step_number += 1
        over = self.step_number >= LENGTHS[(self.episode + self.offset) % len(LENGTHS)]
        reward = float(np.sin(7 * self.episode + self.step_number + self.offset))
        return self._observation(), reward, over and self.episode % 2 == 0, over and self.episode % 2 == 1, {}

    def _observation(self):
        return np.array([self.episode + 0.1 * self.offset, self.step_number], np.float32) / 10


@pytest.fixture(scope="module", autouse=True)
def chapters():
    gymnasium.register("Chapters-v0", lambda **_: Chapters())
    yield
    del gymnasium.registry["Chapters-v0"]


def learner_and_actor(config, spec, explore=True):
    learner = plugin.learner(config, spec, np.random.default_rng(0))
    return learner, plugin.actor(config, spec, np.random.default_rng(1), explore)


def play_rollout(config, spec, environment):
    """One rollout of a new learner's weights, as the learner sees it."""
    learner, actor = learner_and_actor(config, spec)
    client = Rollout(actor, environment, spec, plugin.columns(config, spec))
    rollout = ClientRollout(0, 1000)
    client.load(Weights(0, learner.weights(), quota=learner.quota()))
    while not client.recorder.quota_reached:
        client.step()
        if client.recorder.rows > 10 or client.recorder.quota_reached:
            rollout.add(client.recorder.take())
    environment.close()
    assert rollout.complete
    return rollout.columns()


def finished_episodes(columns):
    """(environment, its step) -> advantage, for all steps of episodes that ended within the rollout."""
    value = columns["observation"] @ np.array([1.0, -2.0])
    learned = columns[LEARNED]
    found = advantages(columns["reward"], value, columns[TERMINATED], learned, 0.9, 0.8)
    by_step = {}
    for env in np.unique(columns[ENV]):
        own = columns[ENV] == env
        rows = np.flatnonzero(own & learned)
        starts = np.flatnonzero(own & columns[START])
        by_step |= {(int(env), step): found[row] for step, row in enumerate(rows) if row < starts[-1]}
    return by_step


@pytest.mark.parametrize("settings", [{}, {"lstm": 5, "hidden": (4,)}])
def test_every_autoreset_mode_gives_the_same_advantages(settings):
    config = PPOConfig(rollout=90, minibatch_size=32, clients=1, **settings)
    found = {}
    for mode in MODES:
        env_config = gym_plugin.config(id="Chapters-v0", num_envs=3, autoreset_mode=mode)
        columns = play_rollout(config, gym_plugin.spec(env_config), gym_plugin.make(env_config, 0))
        assert 90 <= np.count_nonzero(columns[LEARNED]) < 93
        found[mode] = finished_episodes(columns)
    common = set.intersection(*(set(steps) for steps in found.values()))
    assert len(common) > 60
    for steps in found.values():
        for step in common:
            assert steps[step] == pytest.approx(found["same_step"][step], abs=1e-6)


BOX = EnvSpec("box", {"observation": ArraySpec((4,), "float32")}, Continuous((1, 1), (-0.01,), (0.01,)))
ALL_START = np.ones(3, np.bool_)


@pytest.fixture
def started():
    """(spec, explore, settings) -> (learner, actor with its weights)."""

    def make(spec, explore=True, **settings):
        learner, actor = learner_and_actor(PPOConfig(**settings), spec, explore)
        actor.load(Weights(3, learner.weights(), 0))
        return learner, actor

    return make


def test_recorded_raw_action_is_the_one_drawn_and_not_the_clipped_one(started):
    _, actor = started(BOX)
    actions, own = actor.act({"observation": np.zeros((3, 4), np.float32)}, None, ALL_START)
    raw = own["raw"]
    assert actions.shape == (3, 1, 1) and raw.shape == (3, 1)
    assert np.abs(actions).max() <= 0.01 < np.abs(raw).max()
    np.testing.assert_array_equal(np.clip(raw, np.float32(-0.01), np.float32(0.01)), actions[:, 0])


def test_own_columns_are_the_drawn_continuous_action_and_the_state_of_an_lstm(spec):
    def names(action, **settings):
        declared = plugin.columns(PPOConfig(**settings), EnvSpec("any", spec.observations, action))
        return {name: (part.shape, part.sparse) for name, part in declared.items()}

    assert names(Discrete(3)) == names(MultiDiscrete((2, 3))) == {}
    assert names(BOX.action) == {"raw": ((1,), False)}
    assert names(Discrete(3), lstm=8) == {"state": ((16,), True)}


def test_state_is_sent_with_the_first_action_of_a_model_and_with_every_further_sequence(started, spec):
    learner, actor = started(spec, lstm=6, sequence_length=4)
    observation = {"observation": np.ones((3, 4), np.float32)}
    sent = []
    for step in range(10):
        if step == 6:
            actor.load(Weights(4, learner.weights()))
        _, own = actor.act(observation, None, ALL_START if step == 0 else ~ALL_START)
        sent.append(STATE in own)
        if step == 6:
            assert own[STATE].any(), "new weights do not change what is remembered"
    assert sent == [True, False, False, False, True, False, True, False, False, False]


def test_actor_that_does_not_explore_takes_the_most_likely_action(started, spec, rng):
    learner, actor = started(spec, explore=False)
    learner._model.parameters.views["policy.bias"][:] = [0.0, 0.5, 0.0]
    actor.load(Weights(0, learner.weights()))
    observation = 0.01 * rng.normal(size=(100, 4)).astype(np.float32)
    actions, own = actor.act({"observation": observation}, None, np.ones(100, np.bool_))
    np.testing.assert_array_equal(actions, np.ones(100))
    assert own == {}
