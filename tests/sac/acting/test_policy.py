"""The policy: the same in numpy and in torch, and its density is that of what it draws."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from waiting import DEADLINE_S

from soulsai_core import Weights
from soulsai_core.testing.algorithm import SPACES
from soulsai_sac.acting.actor import SACActor
from soulsai_sac.networks.policy import Policy

SPEC = SPACES["continuous"]


def policy(seed=0):
    return Policy(4, (8, 8), 2, torch.Generator().manual_seed(seed))


def actor_of(network, small, *, explore):
    actor = SACActor(small(hidden=(8, 8)), SPEC, np.random.default_rng(0), explore)
    actor.load(Weights(1, {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}))
    return actor


def drawn(network, rows, count, seed=1):
    with torch.no_grad():
        return network(torch.as_tensor(rows).repeat(count, 1), torch.Generator().manual_seed(seed))


def test_actor_draws_as_the_learners_policy_does(small):
    network = policy()
    rows = np.random.default_rng(0).normal(size=(1, 4)).astype(np.float32)
    actions, _ = drawn(network, rows, 20_000)
    actor = actor_of(network, small, explore=True)
    many = {"observation": np.repeat(rows, 20_000, axis=0)}
    mine, _ = actor.act(many, None, np.zeros(20_000, np.bool_))
    scaled = (mine - [0, 2.5]) / [1, 2.5]  # bounds are -1 .. 1 and 0 .. 5
    np.testing.assert_allclose(scaled.mean(0), actions.mean(0).numpy(), atol=0.02)
    np.testing.assert_allclose(scaled.std(0), actions.std(0).numpy(), atol=0.02)


def test_actor_that_does_not_explore_takes_the_mean(small):
    network = policy()
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    x = torch.as_tensor(rows)
    with torch.no_grad():
        for layer in network.layers[:-1]:
            x = layer(x).relu()
        mean = network.layers[-1](x)[:, :2].tanh().numpy()
    actions, own = actor_of(network, small, explore=False).act({"observation": rows}, None, np.zeros(5, np.bool_))
    np.testing.assert_allclose(actions, mean * [1, 2.5] + [0, 2.5], rtol=1e-5)
    assert own == {}


def test_actions_are_uniform_until_the_first_iteration(small):
    actor = SACActor(small(), SPEC, np.random.default_rng(0), True)
    arrays = {f"layers.{i}.{name}": np.zeros((1, 1), np.float32) for i in (0, 1) for name in ("weight", "bias")}
    actor.load(Weights(0, arrays))
    actions, _ = actor.act({}, None, np.zeros(4000, np.bool_))
    np.testing.assert_allclose(np.percentile(actions[:, 1], [25, 50, 75]), [1.25, 2.5, 3.75], atol=0.15)


def test_density_is_that_of_the_actions_drawn():
    """The share of actions between two close numbers is their distance times the density there."""
    network = Policy(1, (), 1, torch.Generator().manual_seed(3))
    actions, log_density = drawn(network, np.array([[0.5]], np.float32), 200_000)
    actions = actions[:, 0].numpy()
    density = log_density.exp().numpy()
    for share in (0.1, 0.3, 0.5, 0.7):
        low, high = np.quantile(actions, [share, share + 0.05])
        inside = (actions >= low) & (actions < high)
        assert inside.mean() == pytest.approx((high - low) * density[inside].mean(), rel=0.05)


PLAY = """
import sys
sys.modules["torch"] = None  # importing it raises
import numpy as np
from soulsai_core import Catalog, Weights
from soulsai_core.testing.algorithm import SPACES
plugin = Catalog().algorithm("sac")
config, spec = plugin.config(hidden=(2,)), SPACES["continuous"]
actor = plugin.actor(config, spec, np.random.default_rng(0), True)
arrays = {"layers.0.weight": np.zeros((4, 2)), "layers.0.bias": np.zeros(2)}
arrays |= {"layers.1.weight": np.zeros((2, 4)), "layers.1.bias": np.zeros(4)}
actor.load(Weights(1, {name: array.astype(np.float32) for name, array in arrays.items()}))
actions, own = actor.act({"observation": np.zeros((3, 4), np.float32)}, None, np.ones(3, bool))
print(plugin.sync(config).rows_per_iteration, actions.shape, actions.dtype, own)
"""


def test_actor_works_where_torch_is_not_installed():
    done = subprocess.run([sys.executable, "-c", PLAY], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "32 (3, 2) float32 {}"
