"""Adam against torch's own."""

import numpy as np
import pytest
import torch

from soulsai_ppo.learning.adam import Adam


@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_steps_equal_torchs_adam_with_clipped_gradients(rng, max_norm):
    mine = rng.normal(size=30).astype(np.float32)
    tensor = torch.nn.Parameter(torch.tensor(mine))
    own = Adam(mine, 1e-5, max_norm)
    reference = torch.optim.Adam([tensor], 1e-2, eps=1e-5)
    for scale in (1, 10, 0.01, 0, 1):
        gradient = (scale * rng.normal(size=30)).astype(np.float32)
        tensor.grad = torch.tensor(gradient)
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_([tensor], max_norm)
        reference.step()
        norm = own.step(gradient.copy(), 1e-2)
        assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
        np.testing.assert_allclose(mine, tensor.detach().numpy(), atol=1e-6)


def test_loaded_moments_make_the_same_next_step(rng):
    one, other = rng.normal(size=(2, 1, 5)).astype(np.float32)[:, 0]
    first = Adam(one, 1e-5, None)
    second = Adam(other, 1e-5, None)
    first.step(np.ones(5, np.float32), 0.1)
    other[:] = one
    second.load(first.save())
    for adam in (first, second):
        adam.step(np.full(5, 2, np.float32), 0.1)
    np.testing.assert_array_equal(one, other)


def test_moments_of_another_network_are_refused():
    with pytest.raises(ValueError, match=r"moments of \(3,\) parameters instead of \(4,\)"):
        Adam(np.zeros(4, np.float32), 1e-5, None).load(Adam(np.zeros(3, np.float32), 1e-5, None).save())
