"""Adam against torch's own."""

import numpy as np
import pytest
import torch

from soulsai_sac.learning.adam import Adam


def network(seed=3, inputs=4):
    torch.manual_seed(seed)
    return torch.nn.Linear(inputs, 2)


def loss_of(model):
    return model(torch.ones(5, model.in_features)).square().mean()


def test_steps_are_those_of_torchs_adam():
    mine = network()
    theirs = network()
    own = Adam(mine.parameters(), 1e-2)
    reference = torch.optim.Adam(theirs.parameters(), 1e-2, fused=True)
    for _ in range(5):
        own.descend(loss_of(mine))
        reference.zero_grad()
        loss_of(theirs).backward()
        reference.step()
    for name, parameter in mine.named_parameters():
        assert torch.equal(parameter, dict(theirs.named_parameters())[name])


def test_loaded_moments_make_the_same_next_step():
    one = network()
    first = Adam(one.parameters(), 0.1)
    first.descend(loss_of(one))
    other = network()
    other.load_state_dict(one.state_dict())
    second = Adam(other.parameters(), 0.1)
    second.load(first.save())
    for optimizer, model in ((first, one), (second, other)):
        optimizer.descend(loss_of(model))
    np.testing.assert_array_equal(one.weight.detach(), other.weight.detach())


def test_moments_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"optimizer's 0.first has shape \(2, 5\) instead of \(2, 4\)"):
        Adam(network().parameters(), 0.1).load(Adam(network(inputs=5).parameters(), 0.1).save())
