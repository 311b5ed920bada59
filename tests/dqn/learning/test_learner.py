"""The learner, through its public methods, against an implementation that follows the papers line by line."""

import numpy as np
import pytest
import torch
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, End, EnvSpec, RunningMoments, StepBatch, mask_invalid, normalized
from soulsai_dqn.acting.numpy_policy import NumpyQ
from soulsai_dqn.acting.recurrent_policy import RecurrentQ
from soulsai_dqn.learning.learner import DQNLearner
from soulsai_dqn.networks.rescaling import rescaled, unrescaled
from soulsai_dqn.plugin import plugin

SAVED = ("network", "target", "average")


class RecordingGenerator(np.random.Generator):
    """Notes which rows of the replay buffer were drawn."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(seed))
        self.drawn = []

    def integers(self, *args, **kwargs):
        result = super().integers(*args, **kwargs)
        if np.ndim(result):
            self.drawn += np.reshape(result, (-1, np.shape(result)[-1])).tolist()
        return result


class Reference:
    """Double DQN in float64: Mnih et al. 2015 with van Hasselt et al. 2016, AdamW by Loshchilov and Hutter 2019
    (algorithm 2), written out."""

    def __init__(self, config, weights):
        self.config = config
        self.network = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in weights]
        self.target = [array.detach().clone() for array in self.network]
        self.first = [torch.zeros_like(array) for array in self.target]
        self.second = [torch.zeros_like(array) for array in self.target]
        self.steps = 0

    def q(self, parameters, x):
        for layer in range(0, len(parameters), 2):
            x = x @ parameters[layer].T + parameters[layer + 1]
            if layer + 2 < len(parameters):
                x = x.clamp(min=0)
        return x

    def loss(self, rows):
        errors = []
        online = self.q(self.network, rows["next_observation"])
        behind = self.q(self.target, rows["next_observation"])
        chosen = self.q(self.network, rows["observation"])
        for i, action in enumerate(rows["action"].tolist()):
            preference = (online if self.config.double else behind)[i].detach().clone()
            if "next_mask" in rows and rows["next_mask"][i].any():
                preference[~rows["next_mask"][i]] = -np.inf
            target = rows["reward"][i] + rows["discount"][i] * behind[i, preference.argmax()]
            errors.append((chosen[i, action] - target.detach()).abs())
        error = torch.stack(errors)
        squared = 0.5 * error**2
        return (squared if self.config.loss == "mse" else torch.where(error <= 1, squared, error - 0.5)).mean()

    def step(self, rows):
        loss = self.loss(rows)
        gradients = torch.autograd.grad(loss, self.network)
        norm = float(sum((gradient**2).sum() for gradient in gradients) ** 0.5)
        limit = self.config.max_grad_norm
        scale = 1.0 if limit is None or norm <= limit else limit / (norm + 1e-6)
        self.steps += 1
        with torch.no_grad():
            for i, gradient in enumerate(gradients):
                self._adamw(i, gradient * scale)
                self.target[i] += self.config.target_tau * (self.network[i] - self.target[i])
        return loss.item()

    def _adamw(self, i, gradient):
        self.first[i] = 0.9 * self.first[i] + 0.1 * gradient
        self.second[i] = 0.999 * self.second[i] + 0.001 * gradient**2
        first = self.first[i] / (1 - 0.9**self.steps)
        second = self.second[i] / (1 - 0.999**self.steps)
        rate = self.config.learning_rate
        self.network[i] -= rate * self.config.weight_decay * self.network[i]
        self.network[i] -= rate * first / (second.sqrt() + self.config.adam_epsilon)


def settings(**changes):
    """One gradient step an iteration, on few rows, with step sizes that change the network visibly."""
    quick = {"hidden": (16, 12), "batch_size": 8, "learning_starts": 40, "update_every": 1, "target_tau": 0.05}
    return plain(**{**quick, "learning_rate": 3e-3, **changes})


@pytest.mark.parametrize(
    ("changes", "masked"),
    [
        ({}, False),
        ({}, True),
        ({"double": False}, True),
        ({"loss": "mse"}, False),
        ({"max_grad_norm": 0.1}, False),
        ({"hidden": ()}, True),
        ({"weight_decay": 0.0}, False),
    ],
    ids=str,
)
def test_fifty_gradient_steps_equal_the_reference(changes, masked, spec, masked_spec, stream):
    """With one-step returns, so that `StepBatch.transitions` gives what is learned from."""
    spec = masked_spec if masked else spec
    config = settings(n_step=1, **changes)
    generator = RecordingGenerator(5)
    learner = DQNLearner(config, spec, generator)
    messages = stream(config, spec)
    rows = []
    names = list(learner.weights())
    reference = Reference(config, learner.weights().values())
    for count in (40, *[1] * 49):
        steps = messages(count)
        learner.add(steps, "client")
        rows.append(_rows(steps.transitions(), config))
        assert learner.ready() is None
        report = learner.update()
        drawn = {name: torch.cat([part[name] for part in rows])[generator.drawn[-1]] for name in rows[0]}
        assert report["loss"] == pytest.approx(reference.step(drawn), rel=1e-4, abs=1e-6)
    _assert_close(learner.weights(), dict(zip(names, reference.network, strict=True)))
    _assert_close(learner.save().arrays["target"], dict(zip(names, reference.target, strict=True)))


def _rows(transitions, config):
    """What is learned from one-step transitions, in float64."""
    rows = {
        "observation": torch.from_numpy(transitions.observations["observation"]).double(),
        "next_observation": torch.from_numpy(transitions.next_observations["observation"]).double(),
        "action": torch.from_numpy(transitions.actions),
        "reward": torch.from_numpy(transitions.rewards).double() * config.reward_scale,
        "discount": torch.from_numpy(np.where(transitions.terminated, 0, config.gamma)),
    }
    masks = transitions.next_masks
    return rows if masks is None else {**rows, "next_mask": torch.from_numpy(masks)}


def _assert_close(arrays, tensors):
    assert arrays.keys() == tensors.keys()
    for name, array in arrays.items():
        np.testing.assert_allclose(array, tensors[name].detach().numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


def test_target_begins_as_the_network_and_follows_it_by_tau(spec, rng, stream):
    learner = DQNLearner(settings(target_tau=0.25), spec, rng)
    before = learner.weights()
    _assert_equal(learner.save().arrays["target"], before)
    learner.add(stream()(41), "client")
    learner.update()
    target = learner.save().arrays["target"]
    for name, array in learner.weights().items():
        np.testing.assert_allclose(target[name], before[name] + 0.25 * (array - before[name]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("update_every", "ratio"), [(8, 1.0), (8, 0.25), (8, 1.5), (3, 1 / 3), (5, 0.1), (2, 4.0), (4, 0.3)]
)
def test_each_iteration_makes_exactly_its_share_of_gradient_steps(update_every, ratio, spec, stream):
    """Fractions are carried over: after each iteration, as many steps were made as the ratio says, up to one."""
    generator = RecordingGenerator(5)
    learner = DQNLearner(settings(update_every=update_every, replay_ratio=ratio), spec, generator)
    learner.add(stream()(40), "client")
    for iteration in range(1, 61):
        report = learner.update()
        assert all(np.isfinite(value) for value in report.values())
        assert abs(len(generator.drawn) - iteration * update_every * ratio) < 1 + 1e-9
        assert report["gradient_steps"] == len(generator.drawn)


def test_spare_time_is_used_up_to_the_largest_ratio_and_counts_towards_the_least(spec, stream):
    generator = RecordingGenerator(5)
    ratio = {"least": 0.5, "most": 3.0}
    learner = DQNLearner(settings(update_every=10, replay_ratio=ratio), spec, generator)
    assert learner.use_spare_time() is False
    learner.add(stream()(40), "client")
    expected = 0
    for used, ratios in ((0, 0.5), (1, 0.5), (8, 0.8), (10**6, 3.0), (0, 0.5)):
        for _ in range(used):
            before = len(generator.drawn)
            if not learner.use_spare_time():
                break
            assert len(generator.drawn) == before + 1, "a message that arrives waits for one gradient step"
        report = learner.update()
        expected += round(ratios * 10)
        assert report["replay_ratio"] == ratios
        assert report["gradient_steps"] == expected == len(generator.drawn)


def test_fixed_ratio_leaves_spare_time_alone(spec, rng, stream):
    learner = DQNLearner(settings(replay_ratio=1.5), spec, rng)
    learner.add(stream()(60), "client")
    assert learner.use_spare_time() is False
    assert "replay_ratio" not in learner.update()


def test_more_steps_than_are_drawn_at_once_are_all_made(spec, stream):
    generator = RecordingGenerator(5)
    learner = DQNLearner(settings(update_every=50, replay_ratio=3.0), spec, generator)
    learner.add(stream()(89), "client")
    assert learner.update()["gradient_steps"] == 150 == len(generator.drawn)


def test_learning_starts_with_enough_rows(spec, rng, stream):
    """Until then nothing counts toward an iteration; from then on the node counts rows."""
    learner = DQNLearner(settings(learning_starts=100), spec, rng)
    messages = stream()
    for rows in (40, 40, 19):
        learner.add(messages(rows), "client")
        assert learner.ready() is False
    learner.add(messages(1), "client")
    assert learner.ready() is None


def test_restored_rows_can_be_learned_from_and_are_not_counted(spec, rng, stream):
    learner = DQNLearner(settings(buffer_size=70), spec, rng)
    assert learner.reach() == 0
    before = learner.save().values
    learner.restore(stream()(60), "client")
    learner.restored(complete=True)
    assert learner.ready() is None and learner.save().values == before and learner.reach() == 60
    assert learner.update()["replay_size"] == 60


def test_message_without_rows_changes_nothing(spec, rng, stream):
    learner = DQNLearner(settings(normalize=True), spec, rng)
    learner.add(stream()(0), "client")
    assert learner.ready() is False and learner.save().values["rows"] == 0


@pytest.mark.parametrize(
    ("name", "part"),
    [("observation", ArraySpec((36, 36), "uint8", 0, 255)), ("observation.x", ArraySpec((3,), "float32"))],
)
def test_message_whose_episodes_all_end_may_lie_over_the_end_of_the_buffer(name, part, rng):
    spec = EnvSpec("images or parts", {name: part}, Discrete(2))
    learner = DQNLearner(settings(buffer_size=10, learning_starts=1, hidden=(4,)), spec, rng)
    for position, rows in ((0, 8), (8, 4)):
        observations = np.ones((rows, *part.shape), part.dtype)
        columns = {name: observations, "action": np.zeros(rows, np.uint8), "reward": np.ones(rows, np.float32)}
        segments = np.array([[0, position, rows, 0, 0, 1, End.TERMINATED]])
        learner.add(StepBatch(segments, columns, {name: observations[:0]}), "client")
    assert learner.save().values["rows"] == 12


def test_sync_follows_the_settings():
    sync = plugin.sync(settings(max_staleness=5, update_every=32))
    assert (sync.max_staleness, sync.rows_per_iteration, sync.required_clients) == (5, 32, 0)


def test_arithmetic_of_the_process_is_restored_at_the_end(spec, rng):
    """Denormal numbers are flushed to 0 only while it trains."""
    learner = DQNLearner(settings(), spec, rng)
    tiny = torch.tensor([1e-40])
    learner.started(resumed=False)
    assert (tiny * 1).item() == 0
    learner.stopped()
    assert (tiny * 1).item() > 0


def test_weights_are_a_snapshot(spec, rng, stream):
    learner = DQNLearner(settings(), spec, rng)
    weights = learner.weights()
    kept = {name: array.copy() for name, array in weights.items()}
    learner.add(stream()(41), "client")
    learner.update()
    _assert_equal(weights, kept)
    assert any((array != kept[name]).any() for name, array in learner.weights().items())


def test_clients_get_the_network_that_act_with_names(spec, stream):
    learners = {name: DQNLearner(settings(act_with=name), spec, np.random.default_rng(7)) for name in SAVED}
    steps = stream()(60)
    for name, learner in learners.items():
        learner.add(steps, "client")
        learner.update()
        _assert_equal(learner.weights(), learner.save().arrays[name])
    _assert_equal(learners["network"].save().arrays["target"], learners["target"].weights())


def test_changing_the_snapshot_does_not_change_the_model(spec, rng):
    learner = DQNLearner(settings(), spec, rng)
    before = {name: array.copy() for name, array in learner.weights().items()}
    for array in learner.weights().values():
        array.fill(0)
    _assert_equal(learner.weights(), before)


# -- values that it learns


def values_of(learner, config, observations):
    return NumpyQ(learner.weights(), config, 3).many({"observation": np.asarray(observations, np.float32)})


def episodes(rng, count, length, reward):
    """Episodes of `length` steps that terminate. Step t observes the t-th unit vector; reward: (t, actions) -> (n,)."""
    rows = count * length
    times = np.tile(np.arange(length), count)
    actions = rng.integers(3, size=rows)
    table = np.array([[0, i * length, length, 0, 0, 1, End.TERMINATED] for i in range(count)])
    columns = {
        "observation": np.eye(4, dtype=np.float32)[times],
        "action": actions.astype(np.uint8),
        "reward": reward(times, actions).astype(np.float32),
    }
    return StepBatch(table, columns, {"observation": np.zeros((0, 4), np.float32)})


QUICK = {"batch_size": 32, "learning_rate": 1e-2, "update_every": 300, "learning_starts": 200, "reward_scale": 1.0}


def test_learns_the_value_of_each_action(spec, rng):
    """A bandit with rewards 0, 1 and 2."""
    config = settings(**QUICK)
    learner = DQNLearner(config, spec, rng)
    learner.add(episodes(rng, 300, 1, lambda _, actions: actions), "client")
    learner.update()
    np.testing.assert_allclose(values_of(learner, config, [[1, 0, 0, 0]]), [[0, 1, 2]], atol=0.15)


@pytest.mark.parametrize(
    ("n_step", "changes"),
    [
        (1, {}),
        (3, {"head": "quantile", "atoms": 8, "dueling": True}),
        (3, {"prioritized": {}}),
        (1, {"value_rescaling": 1e-2}),
    ],
    ids=["plain", "quantile dueling", "prioritized", "rescaled"],
)
def test_learns_the_value_of_later_rewards(n_step, changes, spec, rng):
    """Of three steps only the last is rewarded, with 4 for any action; with gamma 0.5 the values are 1, 2 and 4."""
    config = settings(**QUICK, gamma=0.5, n_step=n_step, target_tau=0.1, **changes)
    learner = DQNLearner(config, spec, rng)
    messages = episodes(rng, 100, 3, lambda times, _: 4.0 * (times == 2))
    if "prioritized" in changes:
        messages.columns.update({name: np.zeros(300, np.float32) for name in ("value", "best")})
    learner.add(messages, "client")
    for _ in range(3):
        learner.update()
    expected = rescaled(np.float32([[1], [2], [4]]), config.value_rescaling) * np.ones(3)
    np.testing.assert_allclose(values_of(learner, config, np.eye(4)[:3]), expected, atol=0.35)


def test_rewards_are_scaled_and_clipped(spec, rng):
    config = settings(**{**QUICK, "reward_scale": 0.5}, reward_clip=1.0)
    learner = DQNLearner(config, spec, rng)
    learner.add(episodes(rng, 300, 1, lambda _, actions: np.array([-1.0, 1.0, 50.0])[actions]), "client")
    learner.update()
    np.testing.assert_allclose(values_of(learner, config, [[1, 0, 0, 0]]), [[-0.5, 0.5, 1]], atol=0.15)


def test_recurrent_agent_learns_what_only_its_memory_knows(spec, rng):
    """The first observation tells the reward of the last step; the other observations are all equal."""
    config = plain(
        hidden=(16,), recurrent={"width": 16, "burn_in": 0, "length": 4, "stride": 4}, n_step=1, gamma=1.0,
        reward_scale=1.0, batch_size=16, learning_starts=100, update_every=250, learning_rate=1e-2, target_tau=0.05,
    )  # fmt: skip
    learner = DQNLearner(config, spec, rng)
    signs = rng.choice([-1.0, 1.0], 100)
    steps = episodes(rng, 100, 3, lambda times, _: np.repeat(signs, 3) * (times == 2))
    steps.columns["observation"] = np.zeros((300, 4), np.float32)
    steps.columns["observation"][::3, 0] = signs
    learner.add(steps, "client")
    for _ in range(2):
        learner.update()
    policy = RecurrentQ(learner.weights(), config, 3, None)
    state = np.zeros((2, 35), np.float32)
    for seen in (np.float32([[-1, 0, 0, 0], [1, 0, 0, 0]]), np.zeros((2, 4), np.float32), np.zeros((2, 4), np.float32)):
        values, lstm = policy.step({"observation": seen}, state)
        np.testing.assert_allclose(values, [[-1] * 3, [1] * 3], atol=0.3)
        state = np.hstack([lstm, np.float32([[1, 0, 0]] * 2)])  # after the first action


# -- priorities, normalization


def recorded(learner, name):
    """The later calls of a method of the replay buffer: (arguments, options, answer)."""
    calls = []
    method = getattr(learner._replay, name)

    def recording(*arguments, **options):
        calls.append((arguments, options, method(*arguments, **options)))
        return calls[-1][2]

    setattr(learner._replay, name, recording)
    return calls


@pytest.mark.parametrize("changes", [{}, {"value_rescaling": 1e-2}], ids=["plain", "rescaled"])
def test_errors_of_the_gradient_step_become_priorities(changes, masked_spec, rng, stream):
    """By the networks before that step."""
    config = settings(prioritized={}, n_step=2, target_tau=1.0, **changes)
    learner = DQNLearner(config, masked_spec, rng)
    messages = stream(config, masked_spec)
    learner.add(messages(60), "client")
    updates = recorded(learner, "update")
    network = NumpyQ(learner.weights(), config, 3)
    learner.update()
    (draw, errors), _, _ = updates[0]
    rows = {name: column[0] for name, column in draw.columns.items()}
    later = mask_invalid(network.many({"observation": rows["next_observation"]}), rows["next_mask"]).max(1)
    value = network.many({"observation": rows["observation"]})[np.arange(8), rows["action"]]
    e = config.value_rescaling
    expected = np.abs(rescaled(rows["reward"] + rows["discount"] * unrescaled(later, e), e) - value)
    np.testing.assert_allclose(errors[0], expected, rtol=1e-4, atol=1e-5)


def test_weights_of_a_prioritized_draw_count_in_the_loss(spec, rng, stream):
    """Rows of weight 0 change nothing."""
    config = settings(prioritized={}, weight_decay=0.0)
    learner = DQNLearner(config, spec, rng)
    learner.add(stream(config)(60), "client")
    before = learner.weights()
    draw = learner._replay.draw

    def weightless(*arguments, **options):
        drawn = draw(*arguments, **options)
        drawn.columns["weight"][:] = 0
        return drawn

    learner._replay.draw = weightless
    learner.update()
    _assert_equal(learner.weights(), before)


def test_exponent_of_importance_weights_rises_with_the_steps(spec, rng, stream):
    config = settings(prioritized={"beta_start": 0.4, "beta_end": 1.0, "beta_steps": 100})
    learner = DQNLearner(config, spec, rng)
    messages = stream(config)
    draws = recorded(learner, "draw")
    for _ in range(3):
        learner.add(messages(50), "client")
        learner.update()
    assert [options["beta"] for _, options, _ in draws] == pytest.approx([0.7, 1.0, 1.0])


def test_drawn_vectors_are_normalized_by_the_moments_of_all_steps(spec, rng, stream):
    config = settings(normalize=True)
    learner = DQNLearner(config, spec, rng)
    messages = stream()
    moments = RunningMoments((4,))
    for _ in range(2):
        steps = messages(40)
        steps.columns["observation"] *= np.array([1, 10, 100, 0.1], np.float32)
        learner.add(steps, "client")
        moments.update(steps.columns["observation"])
    draws = recorded(learner, "draw")
    learner.update()
    seen = learner._replay.read(draws[0][2].slots, n_step=3, gamma=0.995)
    for name in ("observation", "next_observation"):
        expected = normalized(seen[name], *moments.scales(), 10.0)
        np.testing.assert_allclose(draws[0][2].columns[name], expected, rtol=1e-5, atol=1e-6)


# -- schedules


def test_discount_and_steps_of_a_return_follow_their_schedules(spec, rng, stream):
    gamma = {"start": 0.9, "end": 0.99, "steps": 100}
    n_step = {"start": 6, "end": 2, "steps": 4, "over": "gradient_steps"}
    learner = DQNLearner(settings(gamma=gamma, n_step=n_step), spec, rng)
    messages = stream()
    draws = recorded(learner, "draw")
    appended = recorded(learner, "append")
    for rows in (50, 25, 25, 25, 25):
        learner.add(messages(rows), "client")
        learner.update()
    assert [options["n_step"] for _, options, _ in draws] == [6, 5, 4, 3, 2]
    assert [options["gamma"] for _, options, _ in draws] == pytest.approx([0.945, 0.9675, 0.99, 0.99, 0.99])
    assert [arguments[2] for arguments, _, _ in appended] == pytest.approx([0.9, 0.945, 0.9675, 0.99, 0.99])


def test_schedule_starts_again_after_each_reset(spec, rng, stream):
    """As in BBF, until the last reset."""
    n_step = {"start": 5, "end": 3, "steps": 2, "over": "gradient_steps_after_reset"}
    learner = DQNLearner(settings(n_step=n_step, resets={"every": 4, "last": 8}), spec, rng)
    learner.add(stream()(40), "client")
    draws = recorded(learner, "draw")
    for _ in range(14):
        learner.update()
    assert [options["n_step"] for _, options, _ in draws] == [5, 4, 3, 3, 5, 4, 3, 3, 5, 4, 3, 3, 3, 3]


def _assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
