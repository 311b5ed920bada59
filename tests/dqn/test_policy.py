"""The network in numpy is the network in torch."""

import numpy as np
import pytest
import torch

from soulsai_dqn.networks import MLP, flatten_parameters
from soulsai_dqn.policy import NumpyMLP


@pytest.mark.parametrize("sizes", [(4, 2), (4, 16, 3), (74, 128, 128, 20), (1, *[8] * 11, 2)], ids=str)
def test_numpy_policy_equals_the_torch_network(sizes, rng):
    network = MLP(sizes, torch.Generator().manual_seed(3))
    policy = NumpyMLP({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    x = rng.normal(size=(9, sizes[0])).astype(np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(policy.many(x), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose([policy.one(row) for row in x], expected, rtol=1e-6, atol=1e-6)


def test_input_is_not_overwritten(rng):
    network = MLP((3, 3, 3), torch.Generator().manual_seed(3))
    policy = NumpyMLP({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    x = rng.normal(size=(2, 3)).astype(np.float32)
    before = x.copy()
    policy.many(x), policy.one(x[0])
    assert (x == before).all()


def test_same_generator_makes_the_same_network():
    one, other = (MLP((4, 8, 2), torch.Generator().manual_seed(3)).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_flat_parameters_are_the_parameters(rng):
    network = MLP((4, 8, 2), torch.Generator().manual_seed(3))
    x = torch.from_numpy(rng.normal(size=(5, 4)).astype(np.float32))
    before = network(x).detach()
    flat = flatten_parameters(network)
    assert flat.numel() == 4 * 8 + 8 + 8 * 2 + 2
    assert torch.equal(network(x), before)
    network(x).sum().backward()
    assert flat.grad.abs().sum() > 0
    with torch.no_grad():
        flat.zero_()
    assert network(x).abs().sum() == 0
