"""Actions are rescaled to the environment's bounds; spaces that SAC cannot serve are refused with a sentence."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Continuous, Discrete, EnvSpec, SpaceError
from soulsai_sac.plugin import plugin
from soulsai_sac.spaces import Bounds

VECTOR = {"observation": ArraySpec((3,), "float32")}
ACTION = Continuous((2, 2), (-1.0, 0.0, 2.0, -8.0), (1.0, 4.0, 2.0, -4.0))
REFUSED = {
    "discrete": (EnvSpec("game", VECTOR, Discrete(3)), "continuous actions, and those of game are Discrete"),
    "unbounded": (
        EnvSpec("game", VECTOR, Continuous((1,), (None,), (1.0,))),
        "needs bounds of all actions, which game",
    ),
    "image": (
        EnvSpec("game", {"observation": ArraySpec((64, 64, 3), "uint8", 0, 255)}, ACTION),
        "sac serves vectors, and game observes an image",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("half", ["learner", "actor"])
def test_spaces_that_it_cannot_serve_are_refused(case, half):
    spec, sentence = REFUSED[case]
    more = (True,) if half == "actor" else ()
    with pytest.raises(SpaceError, match=sentence):
        getattr(plugin, half)(plugin.config(), spec, np.random.default_rng(0), *more)


def test_policys_minus_1_0_and_1_are_low_middle_and_high_of_the_environment():
    bounds = Bounds(EnvSpec("game", VECTOR, ACTION))
    given = np.array([[-1] * 4, [0] * 4, [1] * 4], np.float32)
    actions = bounds.to_environment(given)
    assert actions.dtype == np.float32
    assert actions.tolist() == [[[-1, 0], [2, -8]], [[0, 2], [2, -6]], [[1, 4], [2, -4]]]


def test_conversion_there_and_back_is_the_identity_except_where_both_bounds_are_equal():
    bounds = Bounds(EnvSpec("game", VECTOR, ACTION))
    given = np.random.default_rng(0).uniform(-1, 1, (50, 4)).astype(np.float32)
    back = bounds.to_policy(bounds.to_environment(given))
    np.testing.assert_allclose(back[:, [0, 1, 3]], given[:, [0, 1, 3]], atol=1e-6)
    assert not back[:, 2].any()
