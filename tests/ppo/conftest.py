"""Specs, a clock that is set by hand, and rollouts as clients would send them."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Discrete, EnvSpec, SampleBatch
from soulsai_core.testing.arrays import draw
from soulsai_ppo.columns import CUT, ENV, LAST, NEXT_VALUE, POSITION, TERMINATED, sample_columns
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.distributions import distribution_for
from soulsai_ppo.features import Features

VECTOR = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Discrete(3))


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def spec():
    return VECTOR


@pytest.fixture
def make_rollout(rng):
    """(iteration, rows, envs, config, spec) -> a SampleBatch that is one client's complete rollout."""

    def make(iteration=0, rows=8, envs=2, config=None, spec=VECTOR):
        config = config or PPOConfig()
        specs = sample_columns(config, spec, Features(spec), distribution_for(spec, config))
        columns = {name: draw(part, rows, rng) for name, part in specs.items()}
        columns[ENV][:] = np.arange(rows) % envs
        columns[POSITION][:] = np.arange(rows)
        columns[LAST][:] = np.arange(rows) == rows - 1
        columns[TERMINATED][:] = rng.random(rows) < 0.2
        columns[CUT][:] = ~columns[TERMINATED] & (rng.random(rows) < 0.2)
        columns[CUT][-envs:] = ~columns[TERMINATED][-envs:]
        columns[NEXT_VALUE][~columns[CUT]] = 0
        return SampleBatch(np.full(rows, iteration, np.int64), columns)

    return make


@pytest.fixture
def pieces():
    """(batch, size) -> the messages of so many rows that it is sent in."""

    def cut(batch, size):
        rows = np.arange(len(batch))
        return [batch.select(rows // size == index) for index in range(-(-len(batch) // size))]

    return cut
