"""Small settings, and one thread."""

import pytest
import torch

from soulsai_sac.config import SACConfig


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """On a busy machine, several threads are many times as slow."""
    torch.set_num_threads(1)


@pytest.fixture
def small():
    """A function: changes -> settings of a small network that learns from few steps."""
    base = {"hidden": (8,), "batch_size": 8, "learning_starts": 16, "update_every": 12, "buffer_size": 500}
    return lambda **changes: SACConfig(**{**base, **changes})
