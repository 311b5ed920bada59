"""Specs, a clock that is set by hand, and rollouts as clients would send them."""

from dataclasses import replace

import numpy as np
import pytest
from clocks import Clock

from soulsai_core import MASK, ArraySpec, Closed, Discrete, EnvSpec, Sparse, StepBatch, step_columns
from soulsai_core.testing.arrays import draw
from soulsai_ppo.config import PPOConfig
from soulsai_ppo.rollouts.client_rollout import ClientRollout
from soulsai_ppo.spaces import own_columns

VECTOR = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Discrete(3))
GOES_ON, TERMINATED, TRUNCATED, DISCARDED = range(4)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def clock():
    return Clock(100.0)


@pytest.fixture
def spec():
    return VECTOR


def table_of(ends, iteration):
    """Segments of streams whose rows end like ends[stream][row]."""
    segments = []
    for stream, codes in enumerate(ends):
        first = 0
        start = 1
        for row, end in enumerate(codes):
            if end != GOES_ON or row == len(codes) - 1:
                segments.append([stream, 100 * iteration + first, row + 1 - first, iteration, 0, start, end])
                first = row + 1
                start = int(end in (TERMINATED, TRUNCATED))
    return np.array(segments, np.int64).reshape(-1, 7)


@pytest.fixture
def make_rollout(rng):
    """(iteration, rows, envs, config, spec) -> a StepBatch that is one client's complete rollout. Each environment
    begins an episode with it."""

    def make(iteration=0, rows=8, envs=2, config=None, spec=VECTOR, likely=(0.6, 0.2, 0.2, 0.0)):
        config = config or PPOConfig()
        specs = step_columns(spec, own_columns(config, spec), 3.0)
        streams = np.array_split(rng.choice(4, rows, p=likely), envs)
        columns = {name: draw(part, rows, rng) for name, part in specs.items() if not part.sparse}
        batch = StepBatch(table_of(streams, iteration), columns, {})
        followed = np.count_nonzero(batch.has_after)
        after = {n: draw(s, followed, rng) for n, s in specs.items() if n in spec.observations or n == MASK}
        sparse = {}
        if config.lstm is not None:
            time = np.concatenate([np.arange(len(stream)) for stream in streams])
            there = np.flatnonzero(time % config.sequence_length == 0)
            sparse["state"] = Sparse(there, draw(ArraySpec((2 * config.lstm,), "float32"), len(there), rng))
        return replace(batch, after=after, sparse=sparse, closed=Closed(iteration, rows))

    return make


@pytest.fixture
def pieces():
    """(batch, size) -> the batch as messages of `size` rows."""
    return lambda batch, size: list(batch.split(size))


@pytest.fixture
def assembled():
    """(messages, iteration) -> the rollout as the learner sees it."""

    def assemble(messages, iteration=0):
        rollout = ClientRollout(iteration, 10**6)
        for message in messages:
            rollout.add(message)
        return rollout.columns()

    return assemble
