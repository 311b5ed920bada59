"""The learner: updates against a plain reference, rounds through its public methods, reports, annealing."""

import copy
import logging

import numpy as np
import pytest
import torch

from soulsai_core import ArraySpec, Continuous, EnvSpec
from soulsai_ppo.assembly import Assembly
from soulsai_ppo.columns import ACTION, CUT, NEXT_VALUE, REWARD, TERMINATED
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.experience import joined
from soulsai_ppo.learner import PPOLearner

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

    def give(learner, iteration=0, clients=("a", "b"), rows=32, spec=None):
        sent = {}
        for client in clients:
            options = {} if spec is None else {"spec": spec}
            sent[client] = make_rollout(iteration, rows, config=learner._config, **options)
            learner.add(sent[client], client)
        return sent

    return give


# -- a plain implementation of the paper, row by row and in float64


def plain_advantages(rows, value, gamma, lam):
    result, following = np.zeros(len(value)), 0.0
    for t in reversed(range(len(value))):
        if rows[TERMINATED][t]:
            next_value, following = 0.0, 0.0
        elif rows[CUT][t]:
            next_value, following = rows[NEXT_VALUE][t], 0.0
        else:
            next_value = value[t + 1]
        following = rows[REWARD][t] + gamma * next_value - value[t] + gamma * lam * following
        result[t] = following
    return result


def plain_outputs(p, x):
    h, g = x, x
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
    x, action = torch.tensor(rows["vector"]).double(), torch.tensor(rows[ACTION])
    with torch.no_grad():
        head, value = plain_outputs(p, x)
        old_log_prob = plain_distribution(spec, head, p["log_std"]).log_prob(action)
    advantage = torch.tensor(plain_advantages(rows, value.numpy(), config.gamma, config.gae_lambda))
    target, losses = advantage + value, []
    for _ in range(config.epochs):
        for part in np.split(rng.permutation(len(x)), len(x) // config.minibatch_size):
            head, new = plain_outputs(p, x[part])
            one = plain_distribution(spec, head, p["log_std"])
            ratio = (one.log_prob(action[part]) - old_log_prob[part]).exp()
            a = (advantage[part] - advantage[part].mean()) / (advantage[part].std() + 1e-8)
            policy = torch.max(-a * ratio, -a * ratio.clamp(1 - config.clip, 1 + config.clip)).mean()
            squares = (new - target[part]).square()
            if config.value_clip is not None:
                near = value[part] + (new - value[part]).clamp(-config.value_clip, config.value_clip)
                squares = torch.max(squares, (near - target[part]).square())
            loss, entropy = 0.5 * squares.mean(), one.entropy().mean()
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
def test_update_equals_a_plain_implementation(learner_of, feed, spec, space, value_clip):
    spec = BOX if space == "box" else spec
    learner = learner_of(spec, value_clip=value_clip, entropy_coefficient=0.02, clip=0.05, learning_rate=3e-3)
    sent = feed(learner, spec=spec)
    assemblies = {client: Assembly(0) for client in sent}
    for client, rollout in sent.items():
        assemblies[client].add(rollout)
    rows = joined({client: assembly.assembled() for client, assembly in assemblies.items()}).rows
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


def test_report_has_everything_that_was_promised(learner_of, feed, clock):
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


def test_round_that_stalls_is_begun_anew_with_the_same_weights(learner_of, feed, clock, caplog):
    learner = learner_of(round_timeout_s=10)
    feed(learner, clients=("a",))
    clock.wait(11)
    before = learner.weights()
    assert learner.ready()
    with caplog.at_level(logging.WARNING):
        report = learner.update()
    assert report["rounds_restarted"] == 1 and "begun anew. 1 rollouts are complete" in caplog.text
    for name, array in learner.weights().items():
        np.testing.assert_array_equal(array, before[name])
    assert not learner.ready()
    feed(learner, iteration=1, clients=("b",))
    assert learner.ready() and learner.update()["round_clients"] == 2


def test_clients_share_a_rollout_equally(learner_of, feed):
    learner = learner_of(present=())
    shares = [int(learner.weights()["rollout"][0])]
    for iteration, clients in enumerate([("a", "b"), ("a", "b", "c"), ("a", "b", "c"), ("a", "b")]):
        learner.clients_changed(frozenset(clients))
        feed(learner, iteration, clients)
        learner.update()
        shares.append(int(learner.weights()["rollout"][0]))
    assert shares == [32, 32, 22, 22, 32]


def test_rest_plays_more_where_training_continues_without_a_client(learner_of, feed):
    learner = learner_of(on_lost_client="continue")
    feed(learner)
    learner.clients_changed(frozenset({"a"}))
    learner.update()
    assert int(learner.weights()["rollout"][0]) == 64


@pytest.mark.parametrize(
    ("policy", "required", "reason"), [("wait", 2, None), ("continue", 1, None), ("stop", 2, "a client was lost")]
)
def test_policy_for_lost_clients(learner_of, feed, policy, required, reason):
    learner = learner_of(on_lost_client=policy)
    assert learner.sync.required_clients == required and learner.sync.max_staleness == 1
    feed(learner, clients=("a",))
    assert learner.finished() is None and not learner.ready()
    learner.clients_changed(frozenset({"a"}))
    assert learner.ready() == (policy == "continue")
    found = learner.finished()
    assert found is None if reason is None else reason in found


def test_newcomer_is_no_reason_to_stop(learner_of):
    learner = learner_of(on_lost_client="stop")
    learner.clients_changed(frozenset({"a", "b", "c"}))
    assert learner.finished() is None


def test_user_is_told_once_what_is_waited_for(learner_of, clock, caplog):
    learner = learner_of(present=("a",))
    for _ in range(4):
        learner.ready()
        clock.wait(3)
    assert [record.getMessage() for record in caplog.records] == [
        "Waiting for 1 more client: a round needs 2, there now: 1. Start another one, or set "
        "algorithm.config.clients, or algorithm.config.on_lost_client to continue."
    ]


def test_start_is_quiet(learner_of, clock, caplog):
    learner = learner_of(present=("a",))
    learner.ready()
    clock.wait(1)
    learner.clients_changed(frozenset({"a", "b"}))
    learner.ready()
    assert not caplog.records


def test_observation_moments_take_a_round_in_only_after_its_update(learner_of, feed):
    learner = learner_of(normalize_observations=True)
    first = learner.weights()
    np.testing.assert_allclose(first["observation.mean"], 0)
    sent = feed(learner)
    learner.update()
    seen = np.concatenate([rollout.columns["vector"] for rollout in sent.values()])
    after = learner.weights()
    np.testing.assert_allclose(after["observation.mean"], seen.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(after["observation.inverse"], 1 / seen.std(axis=0), rtol=1e-5)


def test_rewards_of_any_size_are_learned_alike_where_they_are_normalized(learner_of, feed):
    losses = []
    for scale in (1, 1000):
        learner = learner_of(normalize_rewards=True)
        learner._rng = np.random.default_rng(0)
        generator = np.random.default_rng(5)
        for client, rollout in feed(learner).items():
            rollout.columns[REWARD][:] = scale * generator.normal(size=32)
            rollout.columns[NEXT_VALUE][:] = 0
            rollout.columns["vector"][:] = generator.normal(size=(32, 4))
            rollout.columns[TERMINATED][:], rollout.columns[CUT][:] = np.arange(32) > 29, False
            rollout.columns[ACTION][:] = generator.integers(3, size=32)
            learner._rounds._growing.pop(client, None)
            learner._rounds._complete.pop(client, None)
            learner.add(rollout, client)
        losses.append(learner.update()["value_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
