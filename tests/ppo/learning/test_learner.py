"""The learner: updates against a plain reference, rounds through its public methods, reports, annealing."""

import copy
import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from soulsai_core import ArraySpec, Closed, Continuous, Discrete, End, EnvSpec
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learning.learner import PPOLearner
from soulsai_ppo.plugin import plugin
from soulsai_ppo.rollouts.columns import LEARNED, TERMINATED
from soulsai_ppo.rollouts.experience import joined

BOX = EnvSpec("box", {"observation": ArraySpec((4,), "float32")}, Continuous((2,), (-1.0, -1.0), (1.0, 1.0)))
SMALL = {
    "rollout": 64, "minibatch_size": 16, "hidden": (8, 8), "epochs": 2, "gamma": 0.9, "gae_lambda": 0.8,
    "normalize_rewards": False, "target_kl": None,
}  # fmt: skip


@pytest.fixture
def learner_of(clock, spec):
    def make(spec=spec, present=("a", "b"), seed=3, **settings):
        learner = PPOLearner(PPOConfig(**{**SMALL, **settings}), spec, np.random.default_rng(seed), clock)
        learner.started(resumed=False)
        learner.clients_changed(frozenset(present))
        return learner

    return make


@pytest.fixture
def feed(make_rollout):
    """Give the learner a complete rollout of each client; returns them."""

    def give(learner, iteration=0, clients=("a", "b"), rows=32, **options):
        sent = {}
        for client in clients:
            sent[client] = make_rollout(iteration, rows, config=learner._config, **options)
            learner.add(sent[client], client)
        return sent

    return give


# -- a plain implementation of the paper, row by row and in float64


def plain_advantages(rows, value, gamma, lam):
    result = np.zeros(len(value))
    following = 0.0
    for t in reversed(range(len(value))):
        if not rows[LEARNED][t]:
            following = 0.0
            continue
        if rows[TERMINATED][t]:
            next_value = 0.0
            following = 0.0
        else:
            next_value = value[t + 1]
        following = rows["reward"][t] + gamma * next_value - value[t] + gamma * lam * following
        result[t] = following
    return result


def plain_outputs(p, x):
    h = x
    g = x
    for i in range(2):
        h = torch.tanh(h @ p[f"hidden.{i}.weight"][0] + p[f"hidden.{i}.bias"][0])
        g = torch.tanh(g @ p[f"hidden.{i}.weight"][1] + p[f"hidden.{i}.bias"][1])
    return h @ p["policy.weight"] + p["policy.bias"], (g @ p["value.weight"] + p["value.bias"]).squeeze(1)


def plain_distribution(spec, head, log_std):
    if spec is BOX:
        return torch.distributions.Independent(torch.distributions.Normal(head, log_std.exp().expand_as(head)), 1)
    return torch.distributions.Categorical(logits=head)


def plain_update(parameters, rows, config, spec, rng):
    """Returns the mean policy loss, value loss and entropy over all gradient steps; changes `parameters`."""
    p = {name: torch.tensor(array, dtype=torch.float64, requires_grad=True) for name, array in parameters.items()}
    adam = torch.optim.Adam(p.values(), config.learning_rate, eps=config.adam_epsilon)
    x = torch.tensor(rows["observation"]).double()
    action = torch.tensor(rows["raw"] if spec is BOX else rows["action"].astype(np.int64))
    learned = np.flatnonzero(rows[LEARNED])
    with torch.no_grad():
        head, value = plain_outputs(p, x)
        old_log_prob = plain_distribution(spec, head, p["log_std"]).log_prob(action)
    advantage = torch.tensor(plain_advantages(rows, value.numpy(), config.gamma, config.gae_lambda))
    target = advantage + value
    losses = []
    for _ in range(config.epochs):
        for part in np.split(learned[rng.permutation(len(learned))], len(learned) // config.minibatch_size):
            head, new = plain_outputs(p, x[part])
            one = plain_distribution(spec, head, p["log_std"])
            ratio = (one.log_prob(action[part]) - old_log_prob[part]).exp()
            a = (advantage[part] - advantage[part].mean()) / (advantage[part].std() + 1e-8)
            policy = torch.max(-a * ratio, -a * ratio.clamp(1 - config.clip, 1 + config.clip)).mean()
            squares = (new - target[part]).square()
            if config.value_clip is not None:
                near = value[part] + (new - value[part]).clamp(-config.value_clip, config.value_clip)
                squares = torch.max(squares, (near - target[part]).square())
            loss = 0.5 * squares.mean()
            entropy = one.entropy().mean()
            adam.zero_grad()
            (policy + config.value_coefficient * loss - config.entropy_coefficient * entropy).backward()
            torch.nn.utils.clip_grad_norm_(p.values(), config.max_grad_norm)
            adam.step()
            losses.append((policy.item(), loss.item(), entropy.item()))
    for name, array in parameters.items():
        array[...] = p[name].detach().numpy()
    return np.mean(losses, axis=0)


@pytest.mark.parametrize("value_clip", [None, 0.1])
@pytest.mark.parametrize("space", ["discrete", "box"])
def test_update_equals_a_plain_implementation(learner_of, feed, assembled, spec, space, value_clip):
    spec = BOX if space == "box" else spec
    learner = learner_of(spec, value_clip=value_clip, entropy_coefficient=0.02, clip=0.05, learning_rate=3e-3)
    sent = feed(learner, spec=spec)
    rows = joined({client: assembled([rollout]) for client, rollout in sent.items()}).rows
    expected = learner._model.parameters.copy()
    losses = plain_update(expected, rows, learner._config, spec, copy.deepcopy(learner._rng))
    assert learner.ready()
    report = learner.update()
    found = [report["policy_loss"], report["value_loss"], report["entropy"]]
    np.testing.assert_allclose(found, losses, atol=1e-6)
    for name, array in learner._model.parameters.views.items():
        np.testing.assert_allclose(array, expected[name], atol=2e-5, err_msg=name)


def test_first_step_of_an_update_has_the_ratio_1(learner_of, feed):
    """The learner's own log-probabilities are those of the weights that acted."""
    for settings in ({}, {"lstm": 6, "sequence_length": 8}, {"normalize_observations": True}):
        learner = learner_of(minibatch_size=64, epochs=1, **settings)
        feed(learner)
        report = learner.update()
        assert report["approx_kl"] == pytest.approx(0, abs=1e-6) and report["clip_fraction"] == 0


def test_report_has_all_documented_numbers(learner_of, feed, clock):
    learner = learner_of()
    clock.wait(3)
    feed(learner, clients=("a",))
    clock.wait(2)
    feed(learner, clients=("b",))
    report = learner.update()
    assert {"approx_kl", "clip_fraction", "entropy", "explained_variance", "value_loss", "learning_rate"} <= set(report)
    assert (report["rollout_seconds"], report["waited_seconds"]) == (5, 2)
    assert (report["round_clients"], report["round_steps"], report["rounds_restarted"]) == (2, 64, 0)


def test_learning_rate_and_clip_are_annealed_to_0(learner_of, feed):
    learner = learner_of(anneal_steps=128, anneal_clip=True, learning_rate=1e-2)
    rates = []
    for iteration in range(4):
        feed(learner, iteration)
        rates.append(learner.update()["learning_rate"])
    assert rates == pytest.approx([1e-2, 5e-3, 0, 0])
    before = learner._model.parameters.copy()
    feed(learner, 4)
    learner.update()
    for name, view in learner._model.parameters.views.items():
        np.testing.assert_array_equal(view, before[name])


def test_epochs_stop_once_the_policy_has_moved_too_far(learner_of, feed):
    few = learner_of(target_kl=1e-6, epochs=20, learning_rate=1e-2)
    feed(few)
    assert few.update()["epochs"] == 1
    many = learner_of(target_kl=1e6, epochs=20)
    feed(many)
    assert many.update()["epochs"] == 20


def test_stalled_round_is_restarted_with_the_same_weights(learner_of, feed, clock, caplog):
    learner = learner_of(round_timeout_s=10)
    feed(learner, clients=("a",))
    clock.wait(11)
    before = learner.weights()
    assert learner.ready()
    with caplog.at_level(logging.WARNING):
        report = learner.update()
    assert report["rounds_restarted"] == 1 and "restarted. Its complete rollouts (1) are kept" in caplog.text
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, before[name])
    assert not learner.ready()
    feed(learner, iteration=1, clients=("b",))
    assert learner.ready() and learner.update()["round_clients"] == 2


def test_update_that_is_made_again_at_a_resume_waits_for_nobody(learner_of, feed):
    """It had been made after some seconds without the rows of a third client."""
    learner = learner_of(present=("a", "b", "c"))
    feed(learner, clients=("a", "b"))
    assert not learner.ready()
    report = learner.update()
    assert (report["round_clients"], report["rounds_restarted"]) == (2, 0)


def test_clients_share_a_rollout_equally(learner_of, feed):
    learner = learner_of(present=())
    shares = [learner.quota()]
    for iteration, clients in enumerate([("a", "b"), ("a", "b", "c"), ("a", "b", "c"), ("a", "b")]):
        learner.clients_changed(frozenset(clients))
        feed(learner, iteration, clients)
        learner.update()
        shares.append(learner.quota())
    assert shares == [32, 32, 22, 22, 32]


def test_other_clients_play_more_where_training_continues_without_a_client(learner_of, feed):
    learner = learner_of(on_lost_client="continue")
    feed(learner)
    learner.clients_changed(frozenset({"a"}))
    learner.update()
    assert learner.quota() == 64


@pytest.mark.parametrize(
    ("policy", "required", "reason"), [("wait", 2, None), ("continue", 1, None), ("stop", 2, "a client was lost")]
)
def test_policy_for_lost_clients(learner_of, feed, policy, required, reason):
    learner = learner_of(on_lost_client=policy)
    sync = plugin.sync(learner._config)
    assert sync.required_clients == required and sync.max_staleness == 1
    feed(learner, clients=("a",))
    assert learner.finished() is None and not learner.ready()
    learner.clients_changed(frozenset({"a"}))
    assert learner.ready() == (policy == "continue")
    found = learner.finished()
    assert found is None if reason is None else reason in found


def test_new_client_does_not_stop_the_training(learner_of):
    learner = learner_of(on_lost_client="stop")
    learner.clients_changed(frozenset({"a", "b", "c"}))
    assert learner.finished() is None


def test_missing_clients_are_logged_once(learner_of, clock, caplog):
    learner = learner_of(present=("a",))
    for _ in range(4):
        learner.ready()
        clock.wait(3)
    assert [record.getMessage() for record in caplog.records] == [
        "Waiting for 1 more client: a round needs 2, there now: 1. Start another one, or set "
        "algorithm.config.clients, or algorithm.config.on_lost_client to continue."
    ]


def test_nothing_is_logged_in_the_first_seconds(learner_of, clock, caplog):
    learner = learner_of(present=("a",))
    learner.ready()
    clock.wait(1)
    learner.clients_changed(frozenset({"a", "b"}))
    learner.ready()
    assert not caplog.records


def test_observation_moments_include_a_round_only_after_its_update(learner_of, feed):
    learner = learner_of(normalize_observations=True)
    first = learner.weights()
    np.testing.assert_allclose(first["observation.mean"], 0)
    sent = feed(learner)
    learner.update()
    seen = np.concatenate([rollout.columns["observation"] for rollout in sent.values()])
    after = learner.weights()
    np.testing.assert_allclose(after["observation.mean"], seen.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(after["observation.inverse"], 1 / seen.std(axis=0), rtol=1e-5)


def test_normalized_rewards_of_any_size_give_the_same_training(learner_of, make_rollout):
    """So long as nothing is bootstrapped from values."""
    rollout = make_rollout(rows=32, envs=32, likely=(0, 1, 0, 0))
    losses = []
    for scale in (1, 1000):
        learner = learner_of(present=("a",), clients=1, normalize_rewards=True)
        columns = {**rollout.columns, "reward": scale * rollout.columns["reward"]}
        learner.add(rollout.with_columns(columns, rollout.after), "a")
        losses.append(learner.update()["value_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize("settings", [{}, {"lstm": 6, "sequence_length": 8, "normalize_rewards": True}])
def test_reward_of_a_discarded_row_changes_nothing(learner_of, make_rollout, settings):
    config = PPOConfig(**{**SMALL, **settings})
    rollout = make_rollout(rows=48, config=config, likely=(0.5, 0.1, 0.1, 0.3))
    found = []
    for spoiled in (0, 1e5):
        learner = learner_of(present=("a",), clients=1, **settings)
        reward = np.where(rollout.ends == End.DISCARDED, rollout.columns["reward"] + np.float32(spoiled), 0)
        columns = {**rollout.columns, "reward": reward.astype(np.float32)}
        learner.add(rollout.with_columns(columns, rollout.after), "a")
        assert learner.update()["round_steps"] == np.count_nonzero(rollout.ends != End.DISCARDED)
        found.append(learner.weights())
    for name, array in found[0].items():
        np.testing.assert_array_equal(array, found[1][name], err_msg=name)


@pytest.mark.parametrize("settings", [{}, {"lstm": 6, "sequence_length": 8}, {"normalize_observations": True}])
def test_round_without_a_row_to_learn_from_changes_nothing(learner_of, make_rollout, settings):
    """All rows were left out at the clients, or all are discarded."""
    learner = learner_of(normalize_rewards=True, **settings)
    before = learner.weights()
    late = make_rollout(rows=8, config=learner._config, likely=(0, 0, 0, 1))
    learner.add(late, "a")
    learner.add(replace(late.select(np.zeros(8, np.bool_)), closed=Closed(0, 0)), "b")
    assert learner.ready()
    report = learner.update()
    assert report["round_clients"] == 2 and report["round_steps"] == 0
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


def test_long_steps_are_discounted_more(learner_of, make_rollout, monkeypatch):
    spec = EnvSpec("timed", {"observation": ArraySpec((4,), "float32")}, Discrete(3), timed=True)
    learner = learner_of(spec, present=("a",), clients=1)
    rollout = make_rollout(rows=16, spec=spec)
    learner.add(rollout, "a")
    given = []
    train = learner._trainer.train
    monkeypatch.setattr(learner._trainer, "train", lambda *args: given.append(args) or train(*args))
    learner.update()
    experience, discount, _ = given[0]
    learned = experience.rows[LEARNED]
    np.testing.assert_allclose(discount[learned], 0.9 ** rollout.columns["duration"].astype(np.float64))


@pytest.mark.parametrize("settings", [{}, {"lstm": 6, "sequence_length": 8}])
def test_training_with_restored_rollouts_equals_one_without_interruption(learner_of, feed, settings):
    """Of two clients one has played when the checkpoint is made."""
    learner = learner_of(**settings)
    other = learner_of(seed=9, **settings)
    first = feed(learner, clients=("a",))
    other.load(learner.save())
    assert other.reach() == learner.reach() == len(first["a"])
    other.restore(first["a"], "a")
    other.restored(complete=True)
    sent = feed(learner, clients=("b",))
    other.add(sent["b"], "b")
    assert learner.ready() and other.ready()
    assert learner.update() == other.update()
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, other.weights()[name], err_msg=name)
