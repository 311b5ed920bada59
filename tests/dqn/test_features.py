"""Observations become one float32 vector, and spaces that DQN cannot serve are refused with a sentence."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Continuous, Discrete, EnvSpec, MultiDiscrete, SpaceError
from soulsai_dqn.features import Features, number_of_actions
from soulsai_dqn.frames import frame_columns
from soulsai_dqn.sequences import step_columns


def spec(observations, action=None):
    return EnvSpec("Some-v0", observations, action or Discrete(2))


def test_parts_are_concatenated_in_the_order_of_their_names():
    """Whatever the order in the spec and in the observation."""
    parts = {"observation.b": ArraySpec((2, 2), "float32"), "observation.a": ArraySpec((), "uint8")}
    features = Features(spec(parts))
    b, a = np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.array([250, 251], np.uint8)
    expected = [[250, 0, 1, 2, 3], [251, 4, 5, 6, 7]]
    for observation in ({"observation.b": b, "observation.a": a}, {"observation.a": a, "observation.b": b}):
        assert features.vector(observation).tolist() == expected
        assert features.vector(observation).dtype == np.float32
    assert features.size == 5


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64"])
def test_single_part_becomes_float32(dtype):
    features = Features(spec({"observation": ArraySpec((3,), dtype)}))
    vector = features.vector({"observation": np.array([[1, 2, 3]], dtype)})
    assert vector.dtype == np.float32 and vector.tolist() == [[1, 2, 3]]


def test_scalar_observation_is_a_vector_of_one():
    features = Features(spec({"observation": ArraySpec((), "float32")}))
    assert features.size == 1
    assert features.vector({"observation": np.array([1.0, 2.0], np.float32)}).tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("shape", "channels_first"),
    [((40, 50), (1, 40, 50)), ((40, 50, 3), (3, 40, 50)), ((3, 40, 50), (3, 40, 50)), ((4, 40, 50, 3), (12, 40, 50))],
)
def test_image_has_its_channels_first_and_the_rest_is_a_vector(shape, channels_first):
    parts = {"observation.hp": ArraySpec((), "float32"), "observation.screen": ArraySpec(shape, "uint8")}
    features = Features(spec(parts))
    assert features.shapes() == {"observation": (1,), "image": channels_first}
    screen = np.arange(2 * np.prod(shape), dtype=np.int64).reshape(2, *shape).astype(np.uint8)
    seen = features.of({"observation.hp": np.array([1.0, 2.0], np.float32), "observation.screen": screen})
    assert seen["image"].shape == (2, *channels_first) and seen["image"].dtype == np.uint8
    assert sorted(seen["image"].ravel().tolist()) == sorted(screen.ravel().tolist())
    assert seen["observation"].tolist() == [[1], [2]]


def test_two_images_are_refused_by_name():
    parts = {f"observation.{name}": ArraySpec((90, 160, 3), "uint8") for name in ("left", "right")}
    with pytest.raises(SpaceError, match=r"Some-v0 observes 2 images \(observation.left, observation.right\)"):
        Features(spec(parts))


def test_images_that_are_too_small_are_refused_with_what_helps():
    with pytest.raises(SpaceError, match=r"30 x 60 pixels.*resize"):
        Features(spec({"observation": ArraySpec((30, 60, 3), "uint8")}))


@pytest.mark.parametrize("action", [Continuous((1,), (None,), (None,)), MultiDiscrete((2, 3))])
def test_other_actions_than_discrete_are_refused_with_the_alternative(action):
    with pytest.raises(SpaceError, match=f"Some-v0 has {type(action).__name__} actions.*PPO"):
        number_of_actions(spec({}, action))


def test_discrete_actions_are_counted():
    assert number_of_actions(spec({}, Discrete(20))) == 20


def test_samples_beyond_twice_the_space_are_out_of_bounds_where_it_has_any():
    bounded = {"observation.a": ArraySpec((2,), "float32", 0.0, 1.0), "observation.b": ArraySpec((), "uint8", 0, 255)}
    assert Features(spec(bounded)).columns() == {"observation": ArraySpec((3,), "float32", -255.0, 510.0)}
    unbounded = {**bounded, "observation.c": ArraySpec((), "float32", 0.0)}
    assert Features(spec(unbounded)).columns() == {"observation": ArraySpec((4,), "float32")}


def test_nobody_claims_more_environments_than_the_learner_can_keep_something_for():
    seen = Features(spec({"observation": ArraySpec((84, 84), "uint8", 0, 255)}), 4)
    vector = Features(spec({"observation": ArraySpec((2,), "float32")}))
    options = {"masked": False, "prioritized": False}
    for columns in (frame_columns(seen, 2, 4, **options), step_columns(vector, 2, 8, **options)):
        assert columns["env"].high is not None and columns["env"].high < 10_000
