"""Specs, and random rows that fit a learner's columns."""

import numpy as np
import pytest
import torch

from soulsai_core import ArraySpec, Discrete, EnvSpec, SampleBatch
from soulsai_core.testing.arrays import draw

VECTOR = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Discrete(3))


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """On a busy machine two are many times as slow."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def whole_arithmetic():
    """A learner that was started flushes denormal numbers; other tests of this process want them."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def spec():
    return VECTOR


@pytest.fixture
def masked_spec():
    return EnvSpec("masked", VECTOR.observations, VECTOR.action, masked=True)


@pytest.fixture
def random_rows(rng):
    """(learner, count) -> a SampleBatch of that many random rows that its columns admit."""

    def rows(learner, count):
        columns = {name: draw(spec, count, rng) for name, spec in learner.columns.items()}
        columns["reward"] *= 3  # beyond the threshold of the Huber loss too
        return SampleBatch(np.zeros(count, np.int64), columns)

    return rows
