"""What the actor sends: rollouts with the ends, cuts and bootstraps that the environments really had."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from soulsai_core import ArraySpec, Continuous, Discrete, EnvSpec, Weights
from soulsai_core.gym_env.plugin import plugin as gym_plugin
from soulsai_core.messages import Transitions
from soulsai_core.stepping import transitions
from soulsai_ppo.actor import PPOActor
from soulsai_ppo.assembly import Assembly
from soulsai_ppo.columns import ACTION, CUT, ENV, LAST, NEXT_VALUE, POSITION, REWARD, TERMINATED
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.gae import advantages
from soulsai_ppo.plugin import plugin

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


def learner_and_actor(config, spec, seed=0):
    return plugin.learner(config, spec, np.random.default_rng(seed)), plugin.actor(
        config, spec, np.random.default_rng(1)
    )


def play_rollout(environment, actor):
    """Step until the actor has enough; returns its rollout as the learner sees it."""
    step, assembly = environment.reset(), Assembly(0)
    while actor.ready():
        actions = actor.act(step.observations, step.masks)
        after = environment.step(actions)
        led_to = transitions(step, actions, after)
        if led_to is not None:
            actor.add(led_to)
        step = after
        batch = actor.take()
        if batch is not None:
            assembly.add(batch)
    environment.close()
    assert assembly.complete
    return assembly.assembled()


def finished_episodes(columns, value):
    """(environment, its step) -> advantage, for all steps of episodes that ended within the rollout."""
    found = advantages(
        columns[REWARD], value, columns[NEXT_VALUE], columns[TERMINATED], columns[CUT], 0.9, 0.8
    )  # fmt: skip
    by_step = {}
    for env in np.unique(columns[ENV]):
        rows = np.flatnonzero(columns[ENV] == env)
        last_end = np.flatnonzero((columns[TERMINATED] | columns[CUT])[rows[:-1]]).max()
        by_step |= {(int(env), index): found[row] for index, row in enumerate(rows[: last_end + 1])}
    return by_step


@pytest.mark.parametrize("settings", [{}, {"lstm": 5, "hidden": (4,)}])
def test_every_autoreset_mode_gives_the_same_advantages(settings):
    config = PPOConfig(rollout=90, minibatch_size=32, clients=1, **settings)
    found = {}
    for mode in MODES:
        env_config = gym_plugin.config(id="Chapters-v0", num_envs=3, autoreset_mode=mode)
        spec = gym_plugin.spec(env_config)
        learner, actor = learner_and_actor(config, spec)
        actor.load(Weights(0, learner.weights()))
        columns = play_rollout(gym_plugin.make(env_config, 0), actor)
        value = columns["vector"] @ np.array([1.0, -2.0])
        found[mode] = finished_episodes(columns, value)
    common = set.intersection(*(set(steps) for steps in found.values()))
    assert len(common) > 60
    for steps in found.values():
        for step in common:
            assert steps[step] == pytest.approx(found["same_step"][step], abs=1e-6)


def moved(spec, rows, *, observation=None, following=None, terminated=None, truncated=None, reward=None):
    """Transitions of these environments, with what matters given."""
    n = len(rows)
    none = np.zeros(n, np.bool_)
    names = list(spec.observations)
    observation = np.zeros((n, 4), np.float32) if observation is None else observation
    following = np.zeros((n, 4), np.float32) if following is None else following
    return Transitions(
        np.array(rows),
        {names[0]: observation},
        np.zeros(n, np.int64),
        np.zeros(n, np.float32) if reward is None else reward,
        none if terminated is None else np.array(terminated),
        none if truncated is None else np.array(truncated),
        {names[0]: following},
    )


@pytest.fixture
def started(spec):
    """(settings) -> (learner, actor with its first weights)."""

    def make(spec=spec, **settings):
        learner, actor = learner_and_actor(PPOConfig(**{"clients": 1, "minibatch_size": 4, **settings}), spec)
        actor.load(Weights(3, learner.weights(), 0))
        return learner, actor

    return make


def critic(learner, observation):
    """The value that the learner's own network gives."""
    return learner._model.evaluate({"vector": observation}, None)[1]


def test_truncation_and_the_end_of_the_rollout_bootstrap_from_the_observation_that_followed(started, spec, rng):
    learner, actor = started(rollout=6)
    seen = []
    for truncated in ([False, True], [False, False], [False, False]):
        actor.act({"observation": np.zeros((2, 4), np.float32)}, None)
        following = rng.normal(size=(2, 4)).astype(np.float32)
        actor.add(moved(spec, [0, 1], following=following, truncated=truncated, terminated=[False, False]))
        seen.append(following)
    assert not actor.ready()
    columns = actor.take().columns
    np.testing.assert_array_equal(columns[CUT], [False, True, False, False, True, True])
    values = np.array([critic(learner, following) for following in seen])
    expected = np.where(columns[CUT], values.reshape(-1), 0)
    np.testing.assert_allclose(columns[NEXT_VALUE], expected, atol=1e-6)
    np.testing.assert_array_equal(columns[POSITION], np.arange(6))
    np.testing.assert_array_equal(columns[LAST], [False] * 5 + [True])


def test_terminated_step_is_not_cut_though_the_time_was_over_too(started, spec):
    _, actor = started(rollout=4)
    actor.act({"observation": np.zeros((1, 4), np.float32)}, None)
    actor.add(moved(spec, [0], following=np.ones((1, 4), np.float32), terminated=[True], truncated=[True]))
    actor.cut()
    columns = actor.take().columns
    assert columns[TERMINATED].all() and not columns[CUT].any() and columns[NEXT_VALUE] == 0


def test_newest_step_is_held_back_until_it_is_known_what_follows(started, spec):
    _, actor = started(rollout=100)
    for expected in (None, 2, 2):
        actor.act({"observation": np.zeros((2, 4), np.float32)}, None)
        actor.add(moved(spec, [0, 1]))
        batch = actor.take()
        assert batch is expected if expected is None else len(batch) == expected


def test_failed_environments_end_their_episodes_where_they_were_last_seen(started, spec, rng):
    learner, actor = started(rollout=100)
    actor.act({"observation": np.zeros((2, 4), np.float32)}, None)
    following = rng.normal(size=(2, 4)).astype(np.float32)
    actor.add(moved(spec, [0, 1], following=following.copy(), terminated=[True, False]))
    actor.cut()
    columns = actor.take().columns
    np.testing.assert_array_equal(columns[CUT], [False, True])
    np.testing.assert_allclose(columns[NEXT_VALUE], [0, critic(learner, following)[1]], atol=1e-6)
    assert actor.ready(), "the rollout goes on with the environments that are started again"


def test_rollout_lasts_as_long_as_the_weights_say(started, spec):
    for clients, steps in ((1, 40), (3, 14)):
        _, actor = started(rollout=40, clients=clients)
        count = 0
        while actor.ready():
            actor.act({"observation": np.zeros((1, 4), np.float32)}, None)
            actor.add(moved(spec, [0]))
            count += 1
        assert count == steps


def test_new_weights_in_the_middle_begin_another_rollout(started, spec):
    learner, actor = started(rollout=8)
    for iteration in (3, 4):
        for _ in range(3):
            actor.act({"observation": np.zeros((1, 4), np.float32)}, None)
            actor.add(moved(spec, [0]))
        actor.load(Weights(iteration + 1, learner.weights()))
    batch = actor.take()
    np.testing.assert_array_equal(batch.iteration, [3, 3, 3, 4, 4, 4])
    np.testing.assert_array_equal(batch.columns[POSITION], [0, 1, 2, 0, 1, 2])
    assert not batch.columns[LAST].any() and actor.ready()


def test_same_weights_again_do_not_interrupt_the_rollout(started, spec):
    learner, actor = started(rollout=4)
    for _ in range(4):
        actor.act({"observation": np.zeros((1, 4), np.float32)}, None)
        actor.add(moved(spec, [0]))
        actor.load(Weights(3, learner.weights()))
    assert not actor.ready() and len(actor.take()) == 4


def test_recorded_action_is_the_one_drawn_and_not_the_clipped_one(started):
    box = EnvSpec("box", {"observation": ArraySpec((4,), "float32")}, Continuous((1,), (-0.01,), (0.01,)))
    _, actor = started(spec=box, rollout=4)
    executed = actor.act({"observation": np.zeros((3, 4), np.float32)}, None)
    actor.add(moved(box, [0, 1, 2]))
    actor.cut()
    raw = actor.take().columns[ACTION]
    assert np.abs(executed).max() <= 0.01 < np.abs(raw).max()
    np.testing.assert_array_equal(np.clip(raw, np.float32(-0.01), np.float32(0.01)), executed)


def test_normalized_observations_are_sent_as_they_were(started, spec, rng):
    learner, actor = started(rollout=4, normalize_observations=True)
    learner._observed.update(rng.normal(5, 3, size=(100, 4)))
    actor.load(Weights(4, learner.weights()))
    observation = rng.normal(5, 3, size=(1, 4)).astype(np.float32)
    actor.act({"observation": observation}, None)
    actor.add(moved(spec, [0], observation=observation))
    actor.cut()
    np.testing.assert_array_equal(actor.take().columns["vector"], observation)


def test_masks_of_every_row_are_sent(started, spec, rng):
    masked = EnvSpec("masked", spec.observations, Discrete(3), masked=True)
    _, actor = started(spec=masked, rollout=4)
    masks = np.array([[True, False, True], [False, True, False]])
    actor.act({"observation": np.zeros((2, 4), np.float32)}, masks)
    led_to = moved(masked, [0, 1])
    actor.add(Transitions(*[getattr(led_to, name) for name in led_to.__slots__[:7]], masks=masks))
    actor.cut()
    np.testing.assert_array_equal(actor.take().columns["mask"], masks)


def test_greedy_actor_takes_the_most_likely_action(spec, rng):
    learner, _ = learner_and_actor(PPOConfig(), spec)
    learner._model.parameters.views["policy.bias"][:] = [0.0, 0.5, 0.0]
    actor = PPOActor(PPOConfig(), spec, rng, greedy=True)
    actor.load(Weights(0, learner.weights()))
    actions = actor.act({"observation": 0.01 * rng.normal(size=(100, 4)).astype(np.float32)}, None)
    np.testing.assert_array_equal(actions, np.ones(100))
