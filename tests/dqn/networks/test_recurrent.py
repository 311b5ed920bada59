"""R2D2's network: the same in numpy, in torch step by step, and unrolled."""

import numpy as np
import pytest
import torch
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features
from soulsai_dqn.acting.recurrent_policy import RecurrentQ
from soulsai_dqn.acting.torch_policy import TorchQ
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.recurrent import RecurrentQNetwork

SPEC = EnvSpec("four", {"observation": ArraySpec((4,), "float32")}, Discrete(3))
FEATURES = Features(SPEC)
BASE = {"hidden": (8,), "n_step": 2, "gamma": 0.5, "recurrent": {"width": 6, "burn_in": 2, "length": 4, "stride": 3}}
CONFIG = plain(**BASE)
PIXELS = {"observation.pixels": ArraySpec((36, 36), "uint8"), "observation.hp": ArraySpec((2,), "float32")}
CNN = {"network": {"config": {"channels": [2, 2, 2]}}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hidden": ()},
        {"layer_norm": True, "dueling": True},
        {"head": "quantile"},
        {"head": "categorical"},
        {"noisy": True, "layer_norm": True, "dueling": True},
        {"noisy": True, "head": "categorical", "hidden": ()},
    ],
)
def test_network_in_numpy_is_the_one_in_torch(changes, rng):
    config = plain(**{**BASE, "atoms": 5, **changes})
    head = make_head(config)
    network = RecurrentQNetwork(config, FEATURES, 3, head.atoms, torch.Generator().manual_seed(0))
    policy = RecurrentQ({name: t.detach().numpy() for name, t in network.state_dict().items()}, config, 3, None)
    x = rng.normal(size=(5, 7, 4)).astype(np.float32)
    state = rng.normal(size=(5, 12)).astype(np.float32)
    with torch.no_grad():
        atoms = network.unroll(
            {"observation": torch.from_numpy(x)}, torch.from_numpy(state), 3, torch.zeros(5, dtype=torch.bool)
        )
    for t in range(7):
        values, state = policy.step({"observation": x[:, t]}, state)
        np.testing.assert_allclose(values, head.values(atoms[:, t]).numpy(), rtol=1e-4, atol=1e-5)


def test_no_gradient_flows_through_the_burn_in_except_at_the_start_of_an_episode():
    network = RecurrentQNetwork(CONFIG, FEATURES, 3, 1, torch.Generator().manual_seed(0))
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    atoms = network.unroll({"observation": x}, torch.zeros(2, 12), 2, torch.tensor([False, True]))
    atoms[:, 2:].sum().backward()
    assert x.grad[0, :2].abs().sum() == 0
    assert (x.grad[1, :2].abs().sum(1) > 0).all() and (x.grad[:, 2:].abs().sum(2) > 0).all()


@pytest.mark.parametrize("changes", [{}, {"head": "quantile", "dueling": True}], ids=["plain", "dueling quantile"])
def test_clients_step_through_images_as_the_learner_unrolls_them(changes, rng):
    config = plain(**{**BASE, **CNN, "atoms": 5, **changes})
    images = Features(EnvSpec("", PIXELS, Discrete(3)))
    head = make_head(config)
    network = RecurrentQNetwork(config, images, 3, head.atoms, torch.Generator().manual_seed(0))
    seen = {
        "image": rng.integers(0, 256, (3, 5, 1, 36, 36), np.uint8),
        "observation": rng.normal(size=(3, 5, 2)).astype(np.float32),
    }
    arrays = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    policy = TorchQ(arrays, config, images, 3, None)
    state = rng.normal(size=(3, 12)).astype(np.float32)
    unrolled = {name: torch.from_numpy(rows) for name, rows in seen.items()}
    with torch.no_grad():
        atoms = network.unroll(unrolled, torch.from_numpy(state), 2, torch.zeros(3, dtype=torch.bool))
    for t in range(5):
        values, state = policy.step({name: rows[:, t] for name, rows in seen.items()}, state)
        np.testing.assert_allclose(values, head.values(atoms[:, t]).numpy(), rtol=1e-4, atol=1e-5)


def test_exploring_recurrent_policy_gives_other_values_at_each_call(rng):
    config = plain(**{**BASE, "noisy": True, "exploration": "noisy"})
    network = RecurrentQNetwork(config, FEATURES, 3, 1, torch.Generator().manual_seed(0))
    arrays = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    x = {"observation": rng.normal(size=(2, 4)).astype(np.float32)}
    state = np.zeros((2, 12), np.float32)
    for policy in (RecurrentQ(arrays, config, 3, rng), TorchQ(arrays, config, FEATURES, 3, rng)):
        (values, after) = policy.step(x, state)
        (again, later) = policy.step(x, state)
        assert not np.array_equal(values, again) and not np.array_equal(after, later)
