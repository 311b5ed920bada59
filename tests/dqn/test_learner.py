"""The learner, through its public methods, against an implementation that follows the papers line by line."""

import numpy as np
import pytest
import torch

from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learner import DQNLearner

SAVED = ("network", "target", "average")


class RecordingGenerator(np.random.Generator):
    """Remembers which rows of the replay buffer were drawn."""

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
        online, behind = self.q(self.network, rows["next_observation"]), self.q(self.target, rows["next_observation"])
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
        first, second = self.first[i] / (1 - 0.9**self.steps), self.second[i] / (1 - 0.999**self.steps)
        rate = self.config.learning_rate
        self.network[i] -= rate * self.config.weight_decay * self.network[i]
        self.network[i] -= rate * first / (second.sqrt() + self.config.adam_epsilon)


def settings(**changes):
    """One gradient step an iteration, on few rows, with rates at which something happens."""
    quick = {"hidden": (16, 12), "batch_size": 8, "learning_starts": 40, "update_every": 1, "target_tau": 0.05}
    return DQNConfig(**{**quick, "learning_rate": 3e-3, **changes})


@pytest.mark.parametrize(
    "changes",
    [{}, {"double": False}, {"loss": "mse"}, {"max_grad_norm": 0.1}, {"hidden": ()}, {"weight_decay": 0.0}],
    ids=lambda changes: "".join(f"{name}={value}" for name, value in changes.items()) or "defaults",
)
@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
def test_fifty_gradient_steps_equal_the_reference(changes, masked, spec, masked_spec, random_rows):
    config, generator = settings(**changes), RecordingGenerator(5)
    learner = DQNLearner(config, masked_spec if masked else spec, generator)
    names = list(learner.weights())
    reference = Reference(config, learner.weights().values())
    batch = random_rows(learner, 89)
    learner.add(batch.select(np.arange(89) < 40), "client")
    for row in range(40, 89):
        learner.add(batch.select(np.arange(89) == row), "client")
        assert learner.ready()
        report = learner.update()
        rows = _rows(batch, generator.drawn[-1])
        assert report["loss"] == pytest.approx(reference.step(rows), rel=1e-4, abs=1e-6)
    _assert_close(learner.weights(), dict(zip(names, reference.network, strict=True)))
    _assert_close(learner.save(buffer=False).arrays["target"], dict(zip(names, reference.target, strict=True)))


def _rows(batch, slots):
    columns = {name: torch.from_numpy(column[slots]) for name, column in batch.columns.items()}
    return {name: column if column.dtype == torch.bool else column.double() for name, column in columns.items()} | {
        "action": columns["action"]
    }


def _assert_close(arrays, tensors):
    assert arrays.keys() == tensors.keys()
    for name, array in arrays.items():
        np.testing.assert_allclose(array, tensors[name].detach().numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


def test_target_begins_as_the_network_and_follows_it_by_tau(spec, rng, random_rows):
    learner = DQNLearner(settings(target_tau=0.25), spec, rng)
    before = learner.weights()
    _assert_equal(learner.save(buffer=False).arrays["target"], before)
    learner.add(random_rows(learner, 41), "client")
    learner.update()
    target = learner.save(buffer=False).arrays["target"]
    for name, array in learner.weights().items():
        np.testing.assert_allclose(target[name], before[name] + 0.25 * (array - before[name]), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("update_every", "ratio"), [(8, 1.0), (8, 0.25), (8, 1.5), (3, 1 / 3), (5, 0.1), (2, 4.0), (4, 0.3)]
)
def test_each_iteration_makes_exactly_its_share_of_gradient_steps(update_every, ratio, spec, random_rows):
    """What a fraction leaves over is done later; never is one made up."""
    generator = RecordingGenerator(5)
    learner = DQNLearner(settings(update_every=update_every, replay_ratio=ratio), spec, generator)
    learner.add(random_rows(learner, 39), "client")
    for iteration in range(1, 61):
        learner.add(random_rows(learner, update_every), "client")
        assert learner.ready()
        report = learner.update()
        assert not learner.ready()
        assert all(np.isfinite(value) for value in report.values())
        assert abs(len(generator.drawn) - iteration * update_every * ratio) < 1 + 1e-9
        assert report["gradient_steps"] == len(generator.drawn)


def test_more_steps_than_are_drawn_at_once_are_all_made(spec, random_rows):
    generator = RecordingGenerator(5)
    learner = DQNLearner(settings(update_every=50, replay_ratio=3.0), spec, generator)
    learner.add(random_rows(learner, 50), "client")
    assert learner.update()["gradient_steps"] == 150 == len(generator.drawn)


def test_learning_starts_with_enough_rows_and_does_not_catch_up(spec, rng, random_rows):
    """Rows that came before are not owed gradient steps: the first iteration is like any other."""
    learner = DQNLearner(settings(learning_starts=100, update_every=10), spec, rng)
    for rows in (40, 40, 19):
        learner.add(random_rows(learner, rows), "client")
        assert not learner.ready()
    learner.add(random_rows(learner, 10), "client")
    assert learner.ready()
    learner.update()
    assert not learner.ready()


def test_message_of_many_rows_is_worth_many_iterations(spec, rng, random_rows):
    learner = DQNLearner(settings(learning_starts=1, update_every=10), spec, rng)
    learner.add(random_rows(learner, 35), "client")
    iterations = 0
    while learner.ready():
        learner.update()
        iterations += 1
    assert iterations == 3


def test_sync_says_what_the_settings_say(spec, rng):
    sync = DQNLearner(settings(max_staleness=5, update_every=32), spec, rng).sync
    assert (sync.max_staleness, sync.rows_per_iteration, sync.required_clients) == (5, 32, 0)


def test_arithmetic_of_the_process_is_restored_at_the_end(spec, rng):
    """Denormal numbers are flushed while it trains only."""
    learner = DQNLearner(settings(), spec, rng)
    tiny = torch.tensor([1e-40])
    learner.started(resumed=False)
    assert (tiny * 1).item() == 0
    learner.stopped()
    assert (tiny * 1).item() > 0


def test_weights_are_a_snapshot(spec, rng, random_rows):
    learner = DQNLearner(settings(), spec, rng)
    weights = learner.weights()
    kept = {name: array.copy() for name, array in weights.items()}
    learner.add(random_rows(learner, 41), "client")
    learner.update()
    _assert_equal(weights, kept)
    assert any((array != kept[name]).any() for name, array in learner.weights().items())


def test_clients_get_the_network_that_they_shall_act_with(spec, rng, random_rows):
    learners = {name: DQNLearner(settings(act_with=name), spec, np.random.default_rng(7)) for name in SAVED}
    batch = random_rows(learners["network"], 60)
    for name, learner in learners.items():
        learner.add(batch, "client")
        learner.update()
        _assert_equal(learner.weights(), learner.save(buffer=False).arrays[name])
    _assert_equal(learners["network"].save(buffer=False).arrays["target"], learners["target"].weights())


def test_changing_the_snapshot_does_not_change_the_model(spec, rng):
    learner = DQNLearner(settings(), spec, rng)
    before = {name: array.copy() for name, array in learner.weights().items()}
    for array in learner.weights().values():
        array.fill(0)
    _assert_equal(learner.weights(), before)


def test_learns_the_value_of_each_action(spec, rng):
    """A bandit with rewards 0, 1 and 2, whatever is observed."""
    learner = DQNLearner(settings(batch_size=32, learning_rate=1e-2, update_every=300, learning_starts=300), spec, rng)
    columns = {name: np.zeros((300, *s.shape), s.dtype) for name, s in learner.columns.items()}
    columns["observation"] = rng.normal(size=(300, 4)).astype(np.float32)
    columns["action"] = rng.integers(3, size=300).astype(np.int32)
    columns["reward"] = columns["action"].astype(np.float32)
    from soulsai_core import SampleBatch
    from soulsai_dqn.policy import NumpyQ

    learner.add(SampleBatch(np.zeros(300, np.int64), columns), "client")
    learner.update()
    values = NumpyQ(learner.weights(), settings(), 3).many(columns)
    np.testing.assert_allclose(values.mean(0), [0, 1, 2], atol=0.15)


def _assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
