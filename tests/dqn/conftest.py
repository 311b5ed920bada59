"""Specs, and random steps as clients send them."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_threads import one_thread  # noqa: F401, a fixture

from soulsai_core import ArraySpec, Discrete, End, EnvSpec, Sparse, StepBatch, step_columns
from soulsai_core.steps import has_after
from soulsai_core.testing.arrays import draw
from soulsai_dqn.spaces import own_columns

sys.path.append(str(Path(__file__).parent))  # settings that tests share

from dqn_settings import plain

VECTOR = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Discrete(3))


@pytest.fixture(autouse=True)
def whole_arithmetic():
    """A learner that was started flushes denormal numbers to 0; other tests in this process need them."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def spec():
    return VECTOR


@pytest.fixture
def masked_spec():
    return EnvSpec("masked", VECTOR.observations, VECTOR.action, masked=True)


@pytest.fixture(scope="session")
def stream(spec):
    """A function: (config, spec, seed) -> random steps of one environment."""
    return lambda config=None, of=spec, seed=11: Stream(config or plain(), of, np.random.default_rng(seed))


class Stream:
    """Random steps of one environment: each call makes the next message. Episodes of at most 19 steps terminate or are
    truncated; the last one of a message goes on."""

    def __init__(self, config, spec, rng):
        own = own_columns(config, spec)
        self._sparse = {name: part for name, part in own.items() if part.sparse}
        self._columns = {n: part for n, part in step_columns(spec, own, np.inf).items() if not part.sparse}
        self._after = [*spec.observations, *(["mask"] if spec.masked else [])]
        self._stride = config.recurrent.stride if config.recurrent else 1
        self._rng = rng
        self._position = 0
        self._start = True
        self._next = {name: draw(self._columns[name], 1, rng) for name in self._after}

    def __call__(self, count):
        table = self._table(count)
        columns = {name: draw(part, count, self._rng) for name, part in self._columns.items()}
        columns["reward"] *= 10  # also beyond the threshold of the Huber loss
        followed = int(has_after(table).sum())
        after = {name: draw(self._columns[name], followed, self._rng) for name in self._after}
        for name in self._after if count else ():  # what follows the last row is the first one of the next message
            columns[name][:1] = self._next[name]
            self._next[name] = after[name][-1:]
        stored = np.flatnonzero(np.arange(self._position - count, self._position) % self._stride == 0)
        sparse = {n: Sparse(stored, draw(part, len(stored), self._rng)) for n, part in self._sparse.items()}
        return StepBatch(table, columns, after, sparse)

    def _table(self, count):
        table = []
        while count:
            rows = min(count, int(self._rng.integers(1, 20)))
            count -= rows
            end = self._rng.choice([End.TERMINATED, End.TRUNCATED]) if count else End.GOES_ON
            table.append([0, self._position, rows, 0, 0, int(self._start), int(end)])
            self._position += rows
            self._start = end != End.GOES_ON
        return np.array(table, np.int64).reshape(-1, 7)
