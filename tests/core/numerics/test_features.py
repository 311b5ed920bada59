"""Observations become one float32 vector and one image; spaces that no network takes are refused with a sentence."""

import numpy as np
import pytest

from soulsai_core import ArraySpec, Discrete, EnvSpec, Features, SpaceError


def features(parts, stack=None):
    return Features(EnvSpec("Some-v0", parts, Discrete(2)), stack)


def test_parts_are_concatenated_in_the_order_of_their_names():
    """Whatever the order in the spec and in the observation; bytes are divided by their upper bound."""
    made = features({"observation.b": ArraySpec((2, 2), "float32"), "observation.a": ArraySpec((), "uint8", 0, 250)})
    b = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    a = np.array([250, 50], np.uint8)
    for observation in ({"observation.b": b, "observation.a": a}, {"observation.a": a, "observation.b": b}):
        vector = made.of(observation)["observation"]
        np.testing.assert_allclose(vector, [[1, 0, 1, 2, 3], [0.2, 4, 5, 6, 7]], rtol=1e-6)
        assert vector.dtype == np.float32
    assert made.size == 5 and made.shapes() == {"observation": (5,)}


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_single_part_becomes_float32(dtype):
    vector = features({"observation": ArraySpec((3,), dtype)}).of({"observation": np.array([[1, 0, 1]], dtype)})
    assert vector["observation"].dtype == np.float32 and vector["observation"].tolist() == [[1, 0, 1]]


def test_scalar_observation_is_a_vector_of_one():
    seen = features({"observation": ArraySpec((), "float32")}).of({"observation": np.array([1.0, 2.0], np.float32)})
    assert seen["observation"].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("shape", "channels_first"),
    [((40, 50), (1, 40, 50)), ((40, 50, 3), (3, 40, 50)), ((3, 40, 50), (3, 40, 50)), ((4, 40, 50, 3), (12, 40, 50))],
)
@pytest.mark.parametrize("rows", [2, 0])
def test_image_has_its_channels_first_and_the_rest_is_a_vector(rows, shape, channels_first):
    """Also where there are no rows, as in the `after` of a message in which all episodes terminated."""
    made = features({"observation.hp": ArraySpec((), "float32"), "observation.screen": ArraySpec(shape, "uint8")})
    assert made.shapes() == {"observation": (1,), "image": channels_first}
    screen = np.arange(rows * np.prod(shape)).reshape(rows, *shape).astype(np.uint8)
    seen = made.of({"observation.hp": np.arange(rows, dtype=np.float32), "observation.screen": screen})
    assert seen["image"].shape == (rows, *channels_first) and seen["image"].dtype == np.uint8
    assert sorted(seen["image"].ravel().tolist()) == sorted(screen.ravel().tolist())
    assert seen["observation"].tolist() == [[row] for row in range(rows)]


def test_networks_see_a_stack_and_a_row_has_one_frame():
    made = features({"observation": ArraySpec((40, 50), "uint8")}, stack=4)
    assert made.shapes() == {"image": (4, 40, 50)} and made.columns() == {"image": ArraySpec((1, 40, 50), "uint8")}


def test_stack_without_an_image_is_refused_with_the_setting():
    with pytest.raises(SpaceError, match=r"Some-v0 observes no image.*frame_stack: null"):
        features({"observation": ArraySpec((4,), "float32")}, stack=4)


def test_two_images_are_refused_by_name():
    parts = {f"observation.{name}": ArraySpec((90, 160, 3), "uint8") for name in ("left", "right")}
    with pytest.raises(SpaceError, match=r"Some-v0 observes 2 images \(observation.left, observation.right\)"):
        features(parts)


def test_images_that_are_too_small_are_refused_with_the_remedy():
    with pytest.raises(SpaceError, match=r"30 x 60 pixels.*resize"):
        features({"observation": ArraySpec((30, 60, 3), "uint8")})


def test_columns_have_bounds_where_all_parts_have_some():
    """As tolerant as those of observations; bytes are scaled to 0 .. 1."""
    bounded = {"observation.a": ArraySpec((2,), "float32", 0.0, 2.0), "observation.b": ArraySpec((), "uint8", 0, 255)}
    assert features(bounded).columns() == {"observation": ArraySpec((3,), "float32", -2.0, 4.0)}
    unbounded = {**bounded, "observation.c": ArraySpec((), "float32", 0.0)}
    assert features(unbounded).columns() == {"observation": ArraySpec((4,), "float32")}
