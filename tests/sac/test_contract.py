"""The contract that every algorithm keeps, for SAC on several kinds of spaces."""

import pytest

from soulsai_core import ArraySpec, Continuous, EnvSpec
from soulsai_core.testing.algorithm import SPACES, AlgorithmContract
from soulsai_sac.plugin import plugin as sac

PARTS = {"observation.pose": ArraySpec((4,), "float32"), "observation.phase": ArraySpec((3,), "uint8", 0, 1)}
CASES = {
    "default": (SPACES["continuous"], {}),
    "several parts, n-step": (
        EnvSpec("parts", PARTS, Continuous((2, 2), (-1.0,) * 4, (0.0, 1.0, 2.0, -1.0)), timed=True),
        {"layer_norm": True, "n_step": 3, "replay_ratio": 0.3, "temperature_learning_rate": 0.0},
    ),
}


class TestSAC(AlgorithmContract):
    @pytest.fixture(params=CASES)
    def case(self, request):
        return request.param

    @pytest.fixture
    def plugin(self):
        return sac

    @pytest.fixture
    def config(self, case, small):
        return small(**CASES[case][1])

    @pytest.fixture
    def spec(self, case):
        return CASES[case][0]
