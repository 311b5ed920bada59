"""The contract that every algorithm keeps, for DQN on several kinds of spaces."""

import pytest
from tests.dqn.settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_core.testing.algorithm import SPACES, AlgorithmContract
from soulsai_dqn.config import EpsilonConfig
from soulsai_dqn.plugin import plugin as dqn

PLAYER = {
    "observation.boss_pose": ArraySpec((4,), "float32"),
    "observation.hp": ArraySpec((), "float32", 0, 1),
    "observation.phase": ArraySpec((3,), "uint8", 0, 1),
}
SERVED = {
    "vector": SPACES["discrete"],
    "masked dict": EnvSpec("masked dict", PLAYER, Discrete(5), masked=True),
    "scalar": SPACES["scalar"],
}


class TestDQN(AlgorithmContract):
    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture
    def config(self):
        return plain(hidden=(8,), batch_size=8, learning_starts=16, update_every=12, epsilon=EpsilonConfig(steps=50))

    @pytest.fixture(params=SERVED)
    def spec(self, request):
        return SERVED[request.param]


class TestDQNWithOneStepReturns(AlgorithmContract):
    """And a fractional replay ratio, on one thread of rows."""

    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture
    def config(self):
        return plain(
            hidden=(), n_step=1, double=False, batch_size=8, learning_starts=1, update_every=8, replay_ratio=0.3
        )


SMALL = {
    "hidden": (8,), "batch_size": 8, "buffer_size": 2000, "learning_starts": 16, "update_every": 12, "atoms": 5,
}  # fmt: skip
COMBINATIONS = {
    "dueling, boltzmann": {"dueling": True, "layer_norm": True, "exploration": "boltzmann"},
    "quantile, ladder": {"head": "quantile", "target_tau": 1.0, "target_every": 7, "exploration": "ladder"},
    "categorical, clipped": {"head": "categorical", "double": False, "reward_clip": 1.0},
    "rainbow": {"head": "categorical", "dueling": True, "noisy": True, "exploration": "noisy", "prioritized": {}},
    "rescaled, with resets": {
        "value_rescaling": 1e-3, "reward_scale": 1.0, "prioritized": {"beta_steps": 50}, "normalize": True,
        "resets": {"every": 20, "recovery": 5},
    },
    "on a device, with schedules": {
        "prioritized": {}, "normalize": True, "replay_device": "cpu",
        "gamma": {"start": 0.9, "end": 0.99, "steps": 50},
        "n_step": {"start": 5, "end": 2, "steps": 20, "over": "gradient_steps_after_reset"},
        "resets": {"every": 20, "last": 60},
    },
}  # fmt: skip


class TestDQNInCombination(AlgorithmContract):
    """The parts of Rainbow, and others."""

    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture(params=COMBINATIONS)
    def config(self, request):
        return plain(**{**SMALL, **COMBINATIONS[request.param]})


RECURRENT = {"recurrent": {"width": 6, "burn_in": 2, "length": 4, "stride": 3}}
REMEMBERING = {
    "r2d2": {"prioritized": {}, "exploration": "ladder", "dueling": True},
    "recurrent quantile": {"head": "quantile", "double": False, "normalize": True, "layer_norm": True},
    "recurrent rainbow": {"head": "categorical", "noisy": True, "exploration": "noisy", "prioritized": {}},
    "on a device, n falls": {"n_step": {"start": 4, "end": 1, "steps": 30}, "replay_device": "cpu", "prioritized": {}},
}


class TestRecurrentDQN(AlgorithmContract):
    """Sequences, stored state, burn-in."""

    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture(params=REMEMBERING)
    def config(self, request):
        return plain(**{**SMALL, **RECURRENT, **REMEMBERING[request.param]})


class TestDQNOnImages(AlgorithmContract):
    """With a vector beside them."""

    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture
    def config(self):
        return plain(
            **{**SMALL, "network": {"name": "nature_cnn", "config": {"channels": [2, 2, 2]}}, "buffer_size": 64}
        )

    @pytest.fixture
    def spec(self):
        parts = {"observation.image": ArraySpec((36, 40), "uint8", 0, 255), "observation.hp": ArraySpec((), "float32")}
        return EnvSpec("image", parts, Discrete(3))


STACKED = {
    "uniform": {"frame_stack": 3, "n_step": 1},
    "prioritized, on a device": {"frame_stack": 4, "prioritized": {}, "normalize": True, "replay_device": "cpu"},
}


class TestDQNOnStacks(TestDQNOnImages):
    """Each frame is sent and kept once."""

    @pytest.fixture(params=STACKED)
    def config(self, request):
        network = {"name": "nature_cnn", "config": {"channels": [2, 2, 2]}}
        return plain(**{**SMALL, "network": network, "buffer_size": 64, **STACKED[request.param]})


WATCHING = {
    "noisy": {"noisy": True, "exploration": "noisy"},
    "stacks, on a device": {"frame_stack": 2, "replay_device": "cpu", "normalize": True},
}


class TestRecurrentDQNOnImages(TestDQNOnImages):
    """With a vector beside them, and stacked."""

    @pytest.fixture(params=WATCHING)
    def config(self, request):
        network = {"name": "nature_cnn", "config": {"channels": [2, 2, 2]}}
        changes = {"network": network, "buffer_size": 64, "value_rescaling": 1e-3, "prioritized": {}}
        return plain(**{**SMALL, **RECURRENT, **changes, **WATCHING[request.param]})
