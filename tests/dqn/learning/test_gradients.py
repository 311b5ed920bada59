"""The written-out gradient of dense networks is autograd's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dqn_settings import plain
from torch import nn

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features
from soulsai_dqn.config import DQNConfig
from soulsai_dqn.learning.gradients import AutogradGradient, DenseGradient
from soulsai_dqn.networks.heads import make_head
from soulsai_dqn.networks.layers import draw_noise
from soulsai_dqn.networks.parameters import flatten_parameters
from soulsai_dqn.networks.q_network import QNetwork

BATCH = 24
ACTIONS = 4
FEATURES = Features(EnvSpec("eight", {"observation": ArraySpec((8,), "float32")}, Discrete(ACTIONS)))
HEADS = {
    "huber": {},
    "mse": {"loss": "mse"},
    "quantile": {"head": "quantile", "atoms": 7},
    "categorical": {"head": "categorical", "atoms": 11},
}
PARTS = {
    "all": {"dueling": True, "layer_norm": True, "noisy": True, "double": True},
    "dueling": {"dueling": True, "double": False},
    "layer norm": {"layer_norm": True, "double": False},
    "noisy": {"noisy": True, "double": False},
    "double": {"double": True},
}
"""Each part alone and all together: so each pair of parts is on, off, and one of them alone."""


def network(config: DQNConfig, seed: int) -> tuple[QNetwork, nn.Parameter]:
    made = QNetwork(config, FEATURES, ACTIONS, make_head(config).atoms, torch.Generator().manual_seed(seed))
    for norm in made.norms:  # as if they had been trained
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(seed + 9))
        nn.init.uniform_(norm.bias, -0.5, 0.5, generator=torch.Generator().manual_seed(seed + 10))
    return made, flatten_parameters(made)


def minibatch(generator: torch.Generator, *, masked: bool, weighted: bool) -> dict[str, torch.Tensor]:
    batch = {
        "observation": torch.randn(BATCH, 8, generator=generator),
        "next_observation": torch.randn(BATCH, 8, generator=generator),
        "action": torch.randint(0, ACTIONS, (BATCH,), generator=generator).int(),
        "reward": 3 * torch.randn(BATCH, generator=generator),
        "discount": torch.rand(BATCH, generator=generator),
    }
    if masked:
        batch["next_mask"] = torch.rand(BATCH, ACTIONS, generator=generator) < 0.3
    if weighted:
        batch["weight"] = torch.rand(BATCH, generator=generator)
    return batch


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("parts", PARTS)
def test_both_ways_give_the_same_gradients_over_many_steps(head: str, parts: str) -> None:
    config = plain(hidden=(32, 16), **PARTS[parts], **HEADS[head])
    double = config.double
    (general, general_flat) = network(config, 1)
    (fast, fast_flat) = network(config, 1)
    (target, target_flat) = network(config, 2)
    (fast_target, fast_target_flat) = network(config, 2)
    by_autograd = AutogradGradient(general, target, make_head(config), double=double)
    by_hand = DenseGradient(fast, fast_target, make_head(config), batch_size=BATCH, double=double)
    generator = torch.Generator().manual_seed(3)
    for step in range(24):
        batch = minibatch(generator, masked=step % 2 == 0, weighted=step % 3 == 0)
        if config.noisy and step:  # none before the first is drawn
            for i, one in enumerate((general, fast, target, fast_target)):
                draw_noise(one, torch.Generator().manual_seed(2 * step + i // 2))
        expected = by_autograd(batch)
        given = by_hand(batch)
        torch.testing.assert_close(given.chosen, expected.chosen, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(given.target, expected.target, rtol=1e-5, atol=1e-5)
        for flat, flat_target in ((general_flat, target_flat), (fast_flat, fast_target_flat)):
            assert flat.grad is not None
            flat.data.add_(flat.grad, alpha=-0.01)
            flat_target.data.lerp_(flat.data, 0.05)
    assert general_flat.grad is not None
    assert general_flat.grad.abs().max() > 0
    torch.testing.assert_close(fast_flat.data, general_flat.data, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_no_parameter_is_without_gradient(head: str) -> None:
    config = plain(hidden=(6,), dueling=True, layer_norm=True, **HEADS[head])
    (net, flat) = network(config, 1)
    (target, _) = network(config, 2)
    gradient = DenseGradient(net, target, make_head(config), batch_size=BATCH, double=True)
    gradient(minibatch(torch.Generator().manual_seed(0), masked=False, weighted=False))
    assert flat.grad is not None
    share = np.mean([(p.grad != 0).float().mean().item() for p in net.parameters() if p.grad is not None])
    assert share > 0.7
