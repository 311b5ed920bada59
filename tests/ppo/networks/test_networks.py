"""The networks in numpy and torch against automatic differentiation and torch's own layers."""

import numpy as np
import pytest
import torch

from soulsai_core import ArraySpec, Continuous, Discrete, EnvSpec, Features, Weights
from soulsai_ppo.acting.actor import PPOActor
from soulsai_ppo.acting.numpy_policy import make_encoder
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.learning.learner import make_model
from soulsai_ppo.networks.distributions import distribution_for
from soulsai_ppo.networks.mlp import NumpyModel
from soulsai_ppo.networks.parameters import initialize, shapes_of
from soulsai_ppo.rollouts.columns import LEARNED, START
from soulsai_ppo.spaces import STATE

IMAGE = EnvSpec(
    "image",
    {"observation.view": ArraySpec((40, 44, 3), "uint8", 0, 255), "observation.speed": ArraySpec((2,), "float32")},
    Discrete(3),
)


def model_of(spec, rng, **settings):
    config = PPOConfig(**settings)
    features = Features(spec)
    distribution = distribution_for(spec, config)
    model = make_model(shapes_of(config, features, distribution), features, config)
    initialize(model.parameters.views, config, rng)
    return model, config


def torch_mlp(views, x, activation):
    """The same perceptrons in plain torch; returns its parameters, head and values."""
    parameters = {name: torch.tensor(view, dtype=torch.float64, requires_grad=True) for name, view in views.items()}
    towers = []
    for tower in range(parameters["hidden.0.weight"].shape[0]):
        h = torch.tensor(x, dtype=torch.float64)
        for i in range(sum("hidden" in name for name in views) // 2):
            h = activation(h @ parameters[f"hidden.{i}.weight"][tower] + parameters[f"hidden.{i}.bias"][tower])
        towers.append(h)
    head = towers[0] @ parameters["policy.weight"] + parameters["policy.bias"]
    value = (towers[-1] @ parameters["value.weight"] + parameters["value.bias"]).squeeze(1)
    return parameters, head, value


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [(7,), (8, 6)])
def test_written_out_gradient_equals_the_automatic_one(rng, spec, hidden, activation, shared):
    model, _ = model_of(spec, rng, hidden=hidden, activation=activation, shared=shared)
    model.parameters.vector[:] = 0.5 * rng.normal(size=model.parameters.vector.shape)
    x = rng.normal(size=(20, 4)).astype(np.float32)
    head, value = model.forward({"observation": x}, None)
    parameters, head_t, value_t = torch_mlp(model.parameters.views, x, getattr(torch, activation))
    np.testing.assert_allclose(head, head_t.detach(), atol=1e-5)
    np.testing.assert_allclose(value, value_t.detach(), atol=1e-5)
    by_head = rng.normal(size=head.shape).astype(np.float32)
    by_value = rng.normal(size=20).astype(np.float32)
    torch.autograd.backward([head_t, value_t], [torch.tensor(by_head).double(), torch.tensor(by_value).double()])
    model.backward(by_head, by_value, np.zeros(0))
    for name, parameter in parameters.items():
        if name != "log_std":
            np.testing.assert_allclose(model.gradient.views[name], parameter.grad, atol=1e-4, err_msg=name)


def test_network_without_hidden_layers_learns_too(rng, spec):
    model, _ = model_of(spec, rng, hidden=())
    x = {"observation": rng.normal(size=(5, 4)).astype(np.float32)}
    model.forward(x, None)
    model.backward(np.ones((5, 3), np.float32), np.ones(5, np.float32), np.zeros(0))
    np.testing.assert_allclose(model.gradient.views["value.weight"][:, 0], x["observation"].sum(axis=0), rtol=1e-5)


def test_derivative_by_the_deviation_is_the_one_given(rng):
    spec = EnvSpec("box", {"observation": ArraySpec((4,), "float32")}, Continuous((2,), (None, None), (None, None)))
    model, _ = model_of(spec, rng, log_std=-0.5)
    np.testing.assert_array_equal(model.parameters.views["log_std"], np.full(2, -0.5, np.float32))
    model.forward({"observation": np.zeros((3, 4), np.float32)}, None)
    model.backward(np.zeros((3, 2), np.float32), np.zeros(3, np.float32), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(model.gradient.views["log_std"], [1, 2])


def test_policy_and_values_are_separate_for_vectors_and_shared_for_images_by_default(rng, spec):
    assert model_of(spec, rng)[0].parameters.views["hidden.0.weight"].shape[0] == 2
    assert model_of(spec, rng, shared=True)[0].parameters.views["hidden.0.weight"].shape[0] == 1
    assert model_of(IMAGE, rng)[0].parameters.views["conv.0.weight"].shape[0] == 1
    assert model_of(IMAGE, rng, shared=False)[0].parameters.views["conv.0.weight"].shape[0] == 2


def test_small_networks_need_no_torch(rng, spec):
    assert isinstance(model_of(spec, rng)[0], NumpyModel)


@pytest.mark.parametrize("shared", [True, False])
def test_convolutions_equal_torchs_own_and_the_actors(rng, shared):
    model, config = model_of(IMAGE, rng, shared=shared)
    rows = {
        "image": rng.integers(256, size=(5, 3, 40, 44)).astype(np.uint8),
        "observation": rng.normal(size=(5, 2)).astype(np.float32),
    }
    views = model.parameters.views
    heads = []
    for tower in range(len(views["dense.weight"])):
        x = torch.tensor(rows["image"]) / 255 - 0.5
        for i, stride in enumerate((4, 2, 1)):
            weight, bias = (torch.tensor(views[f"conv.{i}.{part}"][tower]) for part in ("weight", "bias"))
            x = torch.relu(torch.nn.functional.conv2d(x, weight, bias, stride))
        x = torch.relu(x.flatten(1) @ torch.tensor(views["dense.weight"][tower]))
        heads.append(torch.cat([x, torch.tensor(rows["observation"])], dim=1).numpy())
    expected_head = heads[0] @ views["policy.weight"]
    expected_value = (heads[-1] @ views["value.weight"])[:, 0]
    encoded = make_encoder(model.parameters.copy(), config.activation)(rows)
    np.testing.assert_allclose(encoded, heads[0], atol=1e-5)
    for head, value in (model.forward(rows, None), model.evaluate(rows, None)):
        np.testing.assert_allclose(head, expected_head, atol=1e-5)
        np.testing.assert_allclose(value, expected_value, atol=1e-5)


def test_gradient_of_the_image_network_reaches_every_parameter(rng):
    model, _ = model_of(IMAGE, rng, shared=False)
    rows = {
        "image": rng.integers(256, size=(5, 3, 40, 44)).astype(np.uint8),
        "observation": np.ones((5, 2), np.float32),
    }
    for _ in range(2):  # and is not added to the last one
        model.forward(rows, None)
        model.backward(np.ones((5, 3), np.float32), np.ones(5, np.float32), np.zeros(0))
        np.testing.assert_array_equal(model.gradient.views["value.bias"], [5])
    assert all(np.abs(view).sum() > 0 for name, view in model.gradient.views.items() if name != "log_std")


def lstm_rows(rng, steps, width):
    return {
        "observation": rng.normal(size=(steps, 4)).astype(np.float32),
        STATE: rng.normal(size=(steps, 2 * width)).astype(np.float32),
        START: np.zeros(steps, np.bool_),
    }


def test_unrolled_lstm_equals_torchs_own(rng, spec):
    model, _ = model_of(spec, rng, hidden=(), lstm=6)
    views = model.parameters.views
    rows = lstm_rows(rng, 9, 6)
    views["lstm.bias"][:] = rng.normal(size=24)
    own = torch.nn.LSTM(4, 6)
    with torch.no_grad():
        own.weight_ih_l0.copy_(torch.tensor(views["lstm.input"].T))
        own.weight_hh_l0.copy_(torch.tensor(views["lstm.state"].T))
        own.bias_ih_l0.copy_(torch.tensor(views["lstm.bias"]))
        own.bias_hh_l0.zero_()
        state = torch.tensor(rows[STATE][0])[None]
        outputs, _ = own(torch.tensor(rows["observation"]), (state[:, :6].contiguous(), state[:, 6:].contiguous()))
    head, value = model.forward(rows, np.array([9]))
    np.testing.assert_allclose(head, outputs.numpy() @ views["policy.weight"], atol=1e-6)
    np.testing.assert_allclose(value, (outputs.numpy() @ views["value.weight"])[:, 0], atol=1e-6)


def test_sequences_of_different_lengths_do_not_change_each_other(rng, spec):
    model, _ = model_of(spec, rng, hidden=(5,), lstm=6)
    rows = lstm_rows(rng, 12, 6)
    lengths = np.array([5, 1, 6])
    together = model.evaluate(rows, lengths)
    start = 0
    for length in lengths:
        part = slice(start, start + length)
        alone = model.evaluate({name: column[part] for name, column in rows.items()}, np.array([length]))
        for one, all_ in zip(alone, together, strict=True):
            np.testing.assert_allclose(one, all_[part], atol=1e-6)
        start += length


def test_state_is_reset_where_an_episode_begins(rng, spec):
    model, _ = model_of(spec, rng, hidden=(5,), lstm=6)
    rows = lstm_rows(rng, 10, 6)
    rows[START][4] = True
    whole = model.evaluate(rows, np.array([10]))
    rest = {name: column[4:].copy() for name, column in rows.items()}
    rest[STATE][:] = 0
    alone = model.evaluate(rest, np.array([6]))
    for one, all_ in zip(alone, whole, strict=True):
        np.testing.assert_allclose(one, all_[4:], atol=1e-6)


def test_rows_that_are_not_learned_from_have_no_output_and_their_gradient_is_0(rng, spec):
    model, _ = model_of(spec, rng, hidden=(5,), lstm=6)
    rows = lstm_rows(rng, 12, 6)
    lengths = np.array([5, 1, 6])
    learned = rng.random(12) < 0.6
    by_head = rng.normal(size=(12, 3)).astype(np.float32)
    by_value = rng.normal(size=12).astype(np.float32)
    head, value = model.forward(rows, lengths)
    model.backward(by_head * learned[:, None], by_value * learned, np.zeros(0))
    gradient = model.gradient.vector.copy()
    chosen = model.forward({**rows, LEARNED: learned}, lengths)
    model.backward(by_head[learned], by_value[learned], np.zeros(0))
    for found, whole in zip(chosen, (head, value), strict=True):
        np.testing.assert_allclose(found, whole[learned], atol=1e-6)
    np.testing.assert_allclose(model.gradient.vector, gradient, atol=1e-5)


def test_gradient_of_the_lstm_equals_finite_differences(rng, spec):
    model, _ = model_of(spec, rng, hidden=(5,), lstm=4)
    rows = lstm_rows(rng, 10, 4)
    lengths = np.array([6, 4])
    rows[START][3] = True
    by_head = rng.normal(size=(10, 3)).astype(np.float32)
    by_value = rng.normal(size=10).astype(np.float32)
    model.forward(rows, lengths)
    model.backward(by_head, by_value, np.zeros(0))
    vector = model.parameters.vector
    gradient = model.gradient.vector.copy()

    def loss():
        head, value = model.evaluate(rows, lengths)
        return float((head.astype(np.float64) * by_head).sum() + (value.astype(np.float64) * by_value).sum())

    for index in rng.choice(len(vector), 40, replace=False):
        kept = vector[index]
        step = np.float32(1e-2)
        sides = []
        for sign in (1, -1):
            vector[index] = kept + sign * step
            sides.append(loss())
        vector[index] = kept
        assert (sides[0] - sides[1]) / (2 * float(step)) == pytest.approx(gradient[index], rel=2e-2, abs=2e-2)


def test_acting_step_by_step_equals_learning_from_the_sequence(rng, spec):
    """Three environments, episodes that begin in the middle, states that are stored every fourth step."""
    model, config = model_of(spec, rng, hidden=(5,), lstm=6, sequence_length=4, minibatch_size=8)
    actor = PPOActor(config, spec, rng)
    actor.load(Weights(0, model.parameters.copy()))
    heads = []
    sample = actor._distribution.sample
    actor._distribution.sample = lambda head, *rest: heads.append(head) or sample(head, *rest)
    seen = []
    starts = []
    states = []
    for step in range(12):
        seen.append(rng.normal(size=(3, 4)).astype(np.float32))
        starts.append(rng.random(3) < 0.3)
        _, own = actor.act({"observation": seen[-1]}, None, starts[-1])
        assert (STATE in own) == (step % 4 == 0)
        states.append(own.get(STATE, np.zeros((3, 12), np.float32)))
    by_stream = [np.stack(part, axis=1).reshape(36, *part[0].shape[1:]) for part in (seen, states, starts, heads)]
    rows = {"observation": by_stream[0], STATE: by_stream[1], START: by_stream[2]}
    found, _ = model.evaluate(rows, np.full(9, 4))
    np.testing.assert_allclose(found, by_stream[3], atol=1e-6)


def test_orthogonal_initial_weights_have_their_gains(rng, spec):
    model, _ = model_of(spec, rng, hidden=(16,), lstm=None)
    for name, gain in (("hidden.0.weight", 2**0.5), ("policy.weight", 0.01), ("value.weight", 1.0)):
        for matrix in model.parameters.views[name].reshape(-1, *model.parameters.views[name].shape[-2:]):
            small = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
            np.testing.assert_allclose(small, gain**2 * np.eye(len(small)), atol=1e-6)
    assert all(not view.any() for name, view in model.parameters.views.items() if name.endswith("bias"))


def test_initial_weights_of_two_towers_differ(rng, spec):
    towers = model_of(spec, rng, orthogonal=False)[0].parameters.views["hidden.0.weight"]
    assert not np.array_equal(*towers) and np.abs(towers).max() <= 4**-0.5
