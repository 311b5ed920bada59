"""The network in numpy is the network in torch."""

import numpy as np
import pytest
import torch
from dqn_settings import plain
from torch import nn

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features
from soulsai_dqn.acting.numpy_policy import NumpyQ
from soulsai_dqn.acting.torch_policy import TorchQ
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.parameters import flatten_parameters
from soulsai_dqn.networks.q_network import QNetwork

ACTIONS = 3
FEATURES = Features(EnvSpec("five", {"observation": ArraySpec((5,), "float32")}, Discrete(ACTIONS)))
CONFIGS = {
    "plain": {},
    "linear": {"hidden": ()},
    "deep": {"hidden": (8,) * 11},
    "wide": {"hidden": (128, 128)},
    "layer norm": {"layer_norm": True},
    "dueling": {"dueling": True},
    "quantile": {"head": "quantile"},
    "categorical": {"head": "categorical"},
    "dueling quantile, layer norm": {"head": "quantile", "dueling": True, "layer_norm": True},
    "dueling categorical, layer norm": {"head": "categorical", "dueling": True, "layer_norm": True},
}


def made(**changes):
    """A network whose layer norms are not the identity, its settings, and its arrays."""
    config = plain(**{"hidden": (16, 8), "atoms": 6, **changes})
    generator = torch.Generator().manual_seed(3)
    network = QNetwork(config, FEATURES, ACTIONS, make_head(config).atoms, generator)
    for norm in network.norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
        nn.init.uniform_(norm.bias, -0.5, 0.5, generator=generator)
    return network, config, {name: tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
def test_policies_give_the_values_of_the_network(changes, rng):
    network, config, arrays = made(**changes)
    x = rng.normal(size=(9, 5)).astype(np.float32)
    with torch.no_grad():
        expected = make_head(config).values(network({"observation": torch.from_numpy(x)})).numpy()
    for policy in (NumpyQ(arrays, config, ACTIONS), TorchQ(arrays, config, FEATURES, ACTIONS, None)):
        np.testing.assert_allclose(policy.many({"observation": x}), expected, rtol=1e-5, atol=1e-5)
        for row in range(9):
            one = policy.one({"observation": x[row : row + 1]})
            np.testing.assert_allclose(one, expected[row], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"layer_norm": True}], ids=["plain", "layer norm"])
def test_input_is_not_overwritten(changes, rng):
    _, config, arrays = made(**changes)
    policy = NumpyQ(arrays, config, ACTIONS)
    x = rng.normal(size=(2, 5)).astype(np.float32)
    before = x.copy()
    policy.many({"observation": x}), policy.one({"observation": x[:1]})
    assert (x == before).all()


def test_same_generator_makes_the_same_network():
    one = made()[2]
    other = made()[2]
    assert all((one[name] == other[name]).all() for name in one)


def test_flat_parameters_are_the_parameters(rng):
    network = made()[0]
    x = {"observation": torch.from_numpy(rng.normal(size=(5, 5)).astype(np.float32))}
    before = network(x).detach()
    flat = flatten_parameters(network)
    assert flat.numel() == 5 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3
    assert torch.equal(network(x), before)
    network(x).sum().backward()
    assert flat.grad.abs().sum() > 0
    with torch.no_grad():
        flat.zero_()
    assert network(x).abs().sum() == 0
