"""Running normalization: mean and scale travel with the weights, and actor and learner use them."""

import numpy as np
import pytest
from dqn_settings import plain

from soulsai_core import RunningMoments, Weights, normalized
from soulsai_dqn.acting.actor import DQNActor
from soulsai_dqn.learning.learner import DQNLearner
from soulsai_dqn.spaces import CLIP, MEAN, SCALE


def stretched(steps):
    steps.columns["observation"] *= np.array([1, 10, 100, 0.1], np.float32)
    return steps


def test_mean_and_scale_of_all_steps_travel_with_the_weights(spec, rng, stream):
    learner = DQNLearner(plain(hidden=(8,), normalize=True), spec, rng)
    messages = stream()
    moments = None
    moments = RunningMoments((4,))
    for count in (3, 50, 20):
        steps = stretched(messages(count))
        learner.add(steps, "client")
        moments.update(steps.columns["observation"])
    for arrays in (learner.weights(), learner.evaluation_weights()):
        np.testing.assert_array_equal(arrays[MEAN], moments.scales()[0])
        np.testing.assert_array_equal(arrays[SCALE], moments.scales()[1])


def test_restored_steps_do_not_change_mean_and_scale(spec, rng, stream):
    learner = DQNLearner(plain(hidden=(8,), normalize=True), spec, rng)
    steps = stream()(30)
    learner.add(steps, "client")
    before = learner.weights()[MEAN]
    learner.restore(stretched(stream(seed=5)(30)), "client")
    np.testing.assert_array_equal(learner.weights()[MEAN], before)


@pytest.mark.parametrize("count", [1, 200])
@pytest.mark.parametrize(
    "changes", [{}, {"noisy": True}, {"recurrent": {"width": 5}}], ids=["plain", "noisy", "recurrent"]
)
def test_clients_normalize_by_the_mean_and_scale_in_the_weights(changes, count, spec, rng, stream):
    """Raw observations give the actions that normalized ones give to a network without mean and scale."""
    config = plain(hidden=(8,), normalize=True, prioritized={}, **changes)
    learner = DQNLearner(config, spec, rng)
    steps = stretched(stream(config)(200))
    learner.add(steps, "client")
    arrays = learner.weights()
    raw = {name: array for name, array in arrays.items() if name not in (MEAN, SCALE)}
    one, other = (DQNActor(config, spec, rng, False) for _ in range(2))
    one.load(Weights(1, arrays))
    other.load(Weights(1, raw))
    seen = steps.columns["observation"][:count]
    starts = np.ones(count, np.bool_)
    expected = other.act({"observation": normalized(seen, arrays[MEAN], arrays[SCALE], CLIP)}, None, starts)
    given = one.act({"observation": seen}, None, starts)
    np.testing.assert_array_equal(given[0], expected[0])
    np.testing.assert_allclose(given[1]["best"], expected[1]["best"], rtol=1e-5)
