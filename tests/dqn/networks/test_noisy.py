"""Noisy layers: the noise of the paper, the same in torch and in numpy, and a network that can switch it off."""

import numpy as np
import pytest
import torch
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features
from soulsai_dqn.acting.numpy_policy import NoisyQ
from soulsai_dqn.acting.torch_policy import TorchQ
from soulsai_dqn.networks.layers import NoisyLinear, draw_noise
from soulsai_dqn.networks.noise import NoisyDense
from soulsai_dqn.networks.q_network import QNetwork

FEATURES = Features(EnvSpec("five", {"observation": ArraySpec((5,), "float32")}, Discrete(3)))


def layer(sigma=0.5):
    return NoisyLinear(40, 30, sigma, torch.Generator().manual_seed(0))


def arrays_of(module, prefix):
    return {prefix + name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}


def test_parameters_begin_as_in_the_paper():
    noisy = layer()
    assert noisy.weight.abs().max() <= 40**-0.5
    assert torch.all(noisy.weight_sigma == 0.5 * 40**-0.5) and torch.all(noisy.bias_sigma == 0.5 * 40**-0.5)


def test_output_is_that_of_one_noisy_weight_matrix():
    noisy = layer()
    x = torch.randn(7, 40, generator=torch.Generator().manual_seed(1))
    draw_noise(noisy, torch.Generator().manual_seed(2))
    inputs, outputs = noisy.noise
    weight = noisy.weight + noisy.weight_sigma * torch.outer(outputs, inputs)
    bias = noisy.bias + noisy.bias_sigma * outputs
    torch.testing.assert_close(noisy(x), x @ weight.T + bias, rtol=1e-4, atol=1e-5)


def test_noise_stays_until_the_next_is_drawn():
    noisy = layer()
    x = torch.ones(1, 40)
    generator = torch.Generator().manual_seed(2)
    clean = noisy(x)
    draw_noise(noisy, generator)
    first = noisy(x)
    assert torch.equal(first, noisy(x)) and not torch.equal(first, clean)
    draw_noise(torch.nn.Sequential(noisy), generator)
    assert not torch.equal(first, noisy(x))


def test_noise_in_numpy_has_the_moments_of_the_one_in_torch(rng):
    noisy = layer(sigma=2.0)
    x = torch.ones(1, 40)
    generator = torch.Generator().manual_seed(2)
    dense = NoisyDense(arrays_of(noisy, "x."), "x", rng)
    ours = np.concatenate([dense(x.numpy()) for _ in range(2000)])
    theirs = []
    with torch.no_grad():
        for _ in range(2000):
            draw_noise(noisy, generator)
            theirs.append(noisy(x).numpy())
    theirs = np.concatenate(theirs)
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.15)
    np.testing.assert_allclose(ours.std(0), theirs.std(0), rtol=0.15)


@pytest.mark.parametrize("head", ["scalar", "quantile", "categorical"])
@pytest.mark.parametrize("layer_norm", [True, False])
def test_policies_without_noise_are_equal(head, layer_norm, rng):
    config = plain(hidden=(8, 6), noisy=True, head=head, atoms=4, dueling=True, layer_norm=layer_norm)
    atoms = 1 if head == "scalar" else 4
    network = QNetwork(config, FEATURES, 3, atoms, torch.Generator().manual_seed(1))
    arrays = arrays_of(network, "")
    x = {"observation": rng.normal(size=(6, 5)).astype(np.float32)}
    one = NoisyQ(arrays, config, 3, None)
    other = TorchQ(arrays, config, FEATURES, 3, None)
    np.testing.assert_allclose(one.many(x), other.many(x), rtol=1e-5, atol=1e-5)


def test_exploring_policy_gives_other_values_at_each_call(rng):
    config = plain(hidden=(8,), noisy=True, exploration="noisy")
    arrays = arrays_of(QNetwork(config, FEATURES, 3, 1, torch.Generator()), "")
    x = {"observation": rng.normal(size=(1, 5)).astype(np.float32)}
    for policy in (NoisyQ(arrays, config, 3, rng), TorchQ(arrays, config, FEATURES, 3, rng)):
        assert not np.array_equal(policy.one(x), policy.one(x))
