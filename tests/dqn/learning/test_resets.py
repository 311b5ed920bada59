"""Periodic resets: when, of what, and the recovery after them."""

import numpy as np
import pytest
from dqn_settings import plain

from soulsai_dqn.learning.learner import DQNLearner


def learner(spec, messages, *, every, keep=0.5, last=None, recovery=0):
    resets = {"every": every, "keep": keep, "last": last, "recovery": recovery}
    config = plain(
        hidden=(16,),
        batch_size=8,
        learning_starts=8,
        update_every=10,
        learning_rate=1e-9,
        weight_decay=0,
        resets=resets,
    )
    made = DQNLearner(config, spec, np.random.default_rng(0))
    made.add(messages(18), "client")
    return made


def changed(spec, stream, updates, **settings):
    """The share of each array that changed by more than the tiny learning rate can change it."""
    messages = stream()
    made = learner(spec, messages, **settings)
    before = made.weights()
    for _ in range(updates):
        made.update()
        made.add(messages(10), "client")
    return {name: float(np.mean(np.abs(a - before[name]) > 1e-6)) for name, a in made.weights().items()}, made


def test_nothing_is_reset_early(spec, stream):
    assert set(changed(spec, stream, 1, every=11)[0].values()) == {0}


def test_reset_replaces_the_head_and_keeps_a_share_of_the_rest(spec, stream):
    shares, _ = changed(spec, stream, 1, every=10, keep=1.0)
    assert shares["layers.0.weight"] == 0 and shares["layers.1.weight"] > 0.9
    shares, _ = changed(spec, stream, 1, every=10, keep=0.5)
    assert shares["layers.0.weight"] > 0.9 and shares["layers.1.weight"] > 0.9


def test_reset_copies_the_target_and_drops_the_moments(spec, stream):
    _, made = changed(spec, stream, 1, every=10)
    saved = made.save()
    assert all(not moments.any() for moments in saved.arrays["optimizer"].values())
    for name, array in saved.arrays["target"].items():
        np.testing.assert_array_equal(array, saved.arrays["network"][name])


def test_reset_comes_at_its_gradient_step_also_within_an_iteration(spec, stream):
    shares, made = changed(spec, stream, 1, every=7)
    assert shares["layers.1.weight"] > 0.9
    assert made.save().arrays["optimizer"]["steps"] == 3


def test_no_reset_comes_after_the_last(spec, stream):
    _, made = changed(spec, stream, 4, every=10, last=20)
    assert made.save().arrays["optimizer"]["steps"] == 20


@pytest.mark.parametrize("recovery", [0, 5])
def test_recovery_steps_follow_a_reset_at_once(recovery, spec, stream):
    _, made = changed(spec, stream, 1, every=10, recovery=recovery)
    assert made.save().values["gradient_steps"] == 10 + recovery
