"""AdamW against torch's own."""

import pytest
import torch

from soulsai_dqn.learning.adamw import AdamW


def parameters(*values):
    return torch.nn.Parameter(torch.tensor(values))


def step(optimizer, vector, gradient):
    vector.grad = torch.full_like(vector, gradient)
    optimizer.step()


def test_steps_are_those_of_torchs_adamw():
    generator = torch.Generator().manual_seed(3)
    mine = torch.nn.Parameter(torch.randn(30, generator=generator))
    theirs = torch.nn.Parameter(mine.detach().clone())
    own = AdamW(mine, 1e-2, 1e-4, 0.1)
    reference = torch.optim.AdamW([theirs], 1e-2, eps=1e-4, weight_decay=0.1, fused=True)
    for scale in (1, 10, 0.01, 0, 1):
        mine.grad = scale * torch.randn(30, generator=generator)
        theirs.grad = mine.grad.clone()
        own.step()
        reference.step()
        assert torch.equal(mine, theirs)


def test_changed_settings_are_used_by_the_next_step():
    vector = parameters(1.0, 1.0)
    optimizer = AdamW(vector, 0.0, 1e-8, 0.0)
    step(optimizer, vector, 1.0)
    assert vector.tolist() == [1, 1]
    optimizer.change(0.5, 0.0)
    step(optimizer, vector, 1.0)
    assert vector.tolist() == pytest.approx([0.5, 0.5])


def test_loaded_moments_make_the_same_next_step():
    one = parameters(1.0, 2.0)
    first = AdamW(one, 0.1, 1e-8, 0.0)
    step(first, one, 1.0)
    other = torch.nn.Parameter(one.detach().clone())
    second = AdamW(other, 0.1, 1e-8, 0.0)
    second.load(first.save())
    step(first, one, -2.0)
    step(second, other, -2.0)
    assert torch.equal(one, other)


def test_moments_of_another_network_are_refused_and_change_nothing():
    optimizer = AdamW(parameters(0.0, 0.0), 0.1, 1e-8, 0.0)
    with pytest.raises(ValueError, match=r"optimizer's first has shape \(3,\) instead of \(2,\)"):
        optimizer.load(AdamW(parameters(0.0, 0.0, 0.0), 0.1, 1e-8, 0.0).save())
