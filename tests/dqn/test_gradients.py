"""The written-out gradient of an MLP is autograd's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from soulsai_dqn.gradients import AutogradGradient, MLPGradient
from soulsai_dqn.networks import MLP, flatten_parameters

SIZES = (8, 32, 16, 4)
BATCH = 24


def network(seed: int) -> tuple[MLP, nn.Parameter]:
    mlp = MLP(SIZES, torch.Generator().manual_seed(seed))
    return mlp, flatten_parameters(mlp)


def minibatch(generator: torch.Generator, *, masked: bool) -> dict[str, torch.Tensor]:
    batch = {
        "observation": torch.randn(BATCH, 8, generator=generator),
        "next_observation": torch.randn(BATCH, 8, generator=generator),
        "action": torch.randint(0, 4, (BATCH,), generator=generator).int(),
        "reward": 3 * torch.randn(BATCH, generator=generator),
        "discount": torch.rand(BATCH, generator=generator),
    }
    if masked:
        batch["next_mask"] = torch.rand(BATCH, 4, generator=generator) < 0.3
    return batch


@pytest.mark.parametrize("loss", ["huber", "mse"])
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_both_ways_give_the_same_gradients_over_many_steps(loss: str, double: bool, masked: bool) -> None:
    (general, general_flat), (fast, fast_flat) = network(1), network(1)
    (target, target_flat), (fast_target, fast_target_flat) = network(2), network(2)
    by_autograd = AutogradGradient(general, target, double=double, loss=loss)
    by_hand = MLPGradient(fast, fast_target, batch_size=BATCH, double=double, loss=loss)
    generator = torch.Generator().manual_seed(3)
    for _ in range(100):
        batch = minibatch(generator, masked=masked)
        expected, given = by_autograd(batch), by_hand(batch)
        torch.testing.assert_close(given.chosen, expected.chosen, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(given.target, expected.target, rtol=1e-5, atol=1e-5)
        for flat, flat_target in ((general_flat, target_flat), (fast_flat, fast_target_flat)):
            assert flat.grad is not None
            flat.data.add_(flat.grad, alpha=-0.01)
            flat_target.data.lerp_(flat.data, 0.05)
    assert general_flat.grad is not None
    assert general_flat.grad.abs().max() > 0
    torch.testing.assert_close(fast_flat.data, general_flat.data, rtol=1e-5, atol=1e-5)
