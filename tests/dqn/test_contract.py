"""The contract that every algorithm keeps, for DQN.

The parts of DQN meet each other in few configurations: each part is in one at least, and what a part does by itself is
tested with its module.
"""

import pytest
from dqn_settings import plain

from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_core.testing.algorithm import SPACES, AlgorithmContract
from soulsai_dqn.plugin import plugin as dqn

SMALL = {
    "hidden": (8,), "batch_size": 8, "buffer_size": 2000, "learning_starts": 16, "update_every": 12, "atoms": 5,
}  # fmt: skip
PLAYER = {
    "observation.boss_pose": ArraySpec((4,), "float32"),
    "observation.hp": ArraySpec((), "float32", 0, 1),
    "observation.phase": ArraySpec((3,), "uint8", 0, 1),
}
MASKED = EnvSpec("masked dict", PLAYER, Discrete(5), masked=True)
SERVED = {
    "plain, masked": (MASKED, {"epsilon": {"steps": 50}}),
    "one step, scalar": (
        SPACES["scalar"],
        {"hidden": (), "n_step": 1, "double": False, "learning_starts": 1, "update_every": 8, "replay_ratio": 0.3},
    ),
    "quantile, boltzmann, resets": (
        SPACES["discrete"],
        {
            "head": "quantile", "dueling": True, "layer_norm": True, "exploration": "boltzmann", "normalize": True,
            "value_rescaling": 1e-3, "reward_scale": 1.0, "reward_clip": 1.0, "resets": {"every": 20, "recovery": 5},
        },
    ),
    "rainbow, masked": (
        MASKED,
        {"head": "categorical", "dueling": True, "noisy": True, "exploration": "noisy", "prioritized": {}},
    ),
    "on a device, with schedules": (
        SPACES["discrete"],
        {
            "prioritized": {"beta_steps": 50}, "normalize": True, "replay_device": "cpu", "exploration": "ladder",
            "gamma": {"start": 0.9, "end": 0.99, "steps": 50}, "target_tau": 1.0, "target_every": 7,
            "n_step": {"start": 5, "end": 2, "steps": 20, "over": "gradient_steps_after_reset"},
            "resets": {"every": 20, "last": 60},
        },
    ),
}  # fmt: skip


class TestDQN(AlgorithmContract):
    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture(params=SERVED)
    def case(self, request):
        return SERVED[request.param]

    @pytest.fixture
    def config(self, case):
        return plain(**{**SMALL, **case[1]})

    @pytest.fixture
    def spec(self, case):
        return case[0]


RECURRENT = {"recurrent": {"width": 6, "burn_in": 2, "length": 4, "stride": 3}}
REMEMBERING = {
    "r2d2": {"prioritized": {}, "exploration": "ladder", "dueling": True, "value_rescaling": 1e-3},
    "categorical, on a device, n falls": {
        "head": "categorical", "double": False, "normalize": True, "layer_norm": True, "noisy": True,
        "n_step": {"start": 4, "end": 1, "steps": 30}, "replay_device": "cpu",
    },
}  # fmt: skip


class TestRecurrentDQN(AlgorithmContract):
    """Sequences, stored state, burn-in."""

    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture(params=REMEMBERING)
    def config(self, request):
        return plain(**{**SMALL, **RECURRENT, **REMEMBERING[request.param]})


SEEING = {
    "images": {},
    "stacks, on a device": {"frame_stack": 3, "prioritized": {}, "normalize": True, "replay_device": "cpu"},
    "recurrent, on stacks": {**RECURRENT, "frame_stack": 2, "prioritized": {}},
}


class TestDQNOnImages(AlgorithmContract):
    """With a vector as well. With stacks, each frame is sent and stored once."""

    @pytest.fixture
    def plugin(self):
        return dqn

    @pytest.fixture(params=SEEING)
    def config(self, request):
        network = {"name": "nature_cnn", "config": {"channels": [2, 2, 2]}}
        return plain(**{**SMALL, "network": network, "buffer_size": 64, **SEEING[request.param]})

    @pytest.fixture
    def spec(self):
        parts = {"observation.image": ArraySpec((36, 40), "uint8", 0, 255), "observation.hp": ArraySpec((), "float32")}
        return EnvSpec("image", parts, Discrete(3))
