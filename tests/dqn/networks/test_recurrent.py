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
from soulsai_dqn.spaces import state_size

SPEC = EnvSpec("four", {"observation": ArraySpec((4,), "float32")}, Discrete(3))
FEATURES = Features(SPEC)
RECURRENT = {"width": 6, "burn_in": 2, "length": 4, "stride": 3}
BASE = {"hidden": (8,), "n_step": 2, "gamma": 0.5, "recurrent": RECURRENT}
CONFIG = plain(**BASE)
PIXELS = {"observation.pixels": ArraySpec((36, 36), "uint8"), "observation.hp": ArraySpec((2,), "float32")}
CNN = {"network": {"config": {"channels": [2, 2, 2]}}}


def first_state(rng, config, count):
    """A state as it lies before any step, and random actions of six steps that follow."""
    state = rng.normal(size=(count, 12)).astype(np.float32)
    before, *actions = rng.integers(3, size=(7, count))
    return followed(state, before, config), np.stack(actions, 1)


def followed(lstm, action, config):
    """The state after a step that left the LSTM in this state and took this action."""
    return np.hstack([lstm, np.eye(3, dtype=np.float32)[action]]) if config.recurrent.previous_action else lstm


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
        {"recurrent": {**RECURRENT, "previous_action": False}},
    ],
)
def test_network_in_numpy_is_the_one_in_torch(changes, rng):
    config = plain(**{**BASE, "atoms": 5, **changes})
    head = make_head(config)
    network = RecurrentQNetwork(config, FEATURES, 3, head.atoms, torch.Generator().manual_seed(0))
    policy = RecurrentQ({name: t.detach().numpy() for name, t in network.state_dict().items()}, config, 3, None)
    x = rng.normal(size=(5, 7, 4)).astype(np.float32)
    state, actions = first_state(rng, config, 5)
    between = torch.from_numpy(actions)
    begins = torch.zeros(5, dtype=torch.bool)
    with torch.no_grad():
        atoms = network.unroll({"observation": torch.from_numpy(x)}, between, torch.from_numpy(state), 3, begins)
    for t in range(7):
        values, lstm = policy.step({"observation": x[:, t]}, state)
        np.testing.assert_allclose(values, head.values(atoms[:, t]).numpy(), rtol=1e-4, atol=1e-5)
        state = followed(lstm, actions[:, min(t, 5)], config)


def test_lstm_sees_the_previous_action_if_it_is_configured(rng):
    x = {"observation": torch.from_numpy(rng.normal(size=(1, 2, 4)).astype(np.float32))}
    for sees in (True, False):
        config = plain(**{**BASE, "recurrent": {**RECURRENT, "previous_action": sees}})
        network = RecurrentQNetwork(config, FEATURES, 3, 1, torch.Generator().manual_seed(0))
        state = torch.zeros(1, state_size(config.recurrent, 3))
        one, other = (network.unroll(x, torch.tensor([[a]]), state, 0, torch.ones(1, dtype=torch.bool)) for a in (0, 2))
        assert torch.equal(one[:, 0], other[:, 0])  # the action comes after the first observation
        assert torch.equal(one[:, 1], other[:, 1]) != sees


def test_no_gradient_flows_through_the_burn_in_except_at_the_start_of_an_episode():
    network = RecurrentQNetwork(CONFIG, FEATURES, 3, 1, torch.Generator().manual_seed(0))
    x = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    atoms = network.unroll(
        {"observation": x}, torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 15), 2, torch.tensor([False, True])
    )
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
    state, actions = first_state(rng, config, 3)
    unrolled = {name: torch.from_numpy(rows) for name, rows in seen.items()}
    with torch.no_grad():
        between = torch.from_numpy(actions[:, :4])
        atoms = network.unroll(unrolled, between, torch.from_numpy(state), 2, torch.zeros(3, dtype=torch.bool))
    for t in range(5):
        values, lstm = policy.step({name: rows[:, t] for name, rows in seen.items()}, state)
        np.testing.assert_allclose(values, head.values(atoms[:, t]).numpy(), rtol=1e-4, atol=1e-5)
        state = followed(lstm, actions[:, t], config)


def test_exploring_recurrent_policy_gives_other_values_at_each_call(rng):
    config = plain(**{**BASE, "noisy": True, "exploration": "noisy"})
    network = RecurrentQNetwork(config, FEATURES, 3, 1, torch.Generator().manual_seed(0))
    arrays = {name: t.detach().numpy() for name, t in network.state_dict().items()}
    x = {"observation": rng.normal(size=(2, 4)).astype(np.float32)}
    state = np.zeros((2, 15), np.float32)
    for policy in (RecurrentQ(arrays, config, 3, rng), TorchQ(arrays, config, FEATURES, 3, rng)):
        (values, after) = policy.step(x, state)
        (again, later) = policy.step(x, state)
        assert not np.array_equal(values, again) and not np.array_equal(after, later)
