"""Small settings, and one thread."""

import pytest
from torch_threads import one_thread  # noqa: F401, a fixture

from soulsai_sac.config import SACConfig


@pytest.fixture
def small():
    """A function: changes -> settings of a small network that learns from few steps."""
    base = {"hidden": (8,), "batch_size": 8, "learning_starts": 16, "update_every": 12, "buffer_size": 500}
    return lambda **changes: SACConfig(**{**base, **changes})
