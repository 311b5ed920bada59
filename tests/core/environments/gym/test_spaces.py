"""Spaces become names, shapes and bounds; observations and actions travel through them unharmed."""

import numpy as np
import pytest
from gymnasium import spaces

from soulsai_core.environments.gym.actions import action_codec
from soulsai_core.environments.gym.spaces import ObservationLayout
from soulsai_core.errors import SpaceError
from soulsai_core.messages import ArraySpec, Continuous, Discrete, MultiDiscrete
from soulsai_core.numerics.bounds import tolerated_bounds


def test_spec_of_lunar_lander(plugin):
    spec = plugin.spec(plugin.config())
    assert spec.name == "LunarLander-v3"
    assert spec.observations == {"observation": ArraySpec((8,), "float32", -10, 10)}
    assert spec.action == Discrete(4)
    assert not spec.masked


def test_dict_and_tuple_parts_are_named_by_their_path(plugin):
    spec = plugin.spec(plugin.config(id="soulsai-test/Parts-v0"))
    assert spec.observations == {
        "observation.health": ArraySpec((), "float32", 0, 10),
        "observation.image": ArraySpec((4, 5, 3), "uint8", 0, 255),
        "observation.inner.flags": ArraySpec((2,), "float32", 0, 1),
        "observation.inner.mode": ArraySpec((3,), "float32", 0, 1),
        "observation.pair.0": ArraySpec((2,), "float32", 0, 1),
        "observation.pair.1": ArraySpec((5,), "float32", 0, 1),
    }
    assert spec.action == MultiDiscrete((3, 4))


@pytest.mark.parametrize("info", ["action_mask", "allowed_actions"])
def test_spec_sees_masks_in_the_info_of_reset(plugin, info, monkeypatch):
    import gymnasium

    class Masked(gymnasium.Env):
        observation_space, action_space = spaces.Discrete(2), spaces.Discrete(3)

        def reset(self, *, seed=None, options=None):
            return 0, {info: [1, 0, 1] if info == "action_mask" else []}

        def step(self, action):
            raise AssertionError("spec must not step")

    gymnasium.register("soulsai-test/Masked-v0", Masked)
    try:
        assert plugin.spec(plugin.config(id="soulsai-test/Masked-v0")).masked
    finally:
        del gymnasium.registry["soulsai-test/Masked-v0"]


def test_bounds_enclose_all_elements_and_are_given_only_where_all_are_finite():
    def spec_of(low, high):
        return ObservationLayout(spaces.Box(np.array(low), np.array(high), dtype=np.float64)).specs["observation"]

    assert spec_of([0.0, -1.0], [1.0, 2.0]) == ArraySpec((2,), "float32", -1.0, 2.0)
    assert spec_of([-np.inf, 0.0], [3.0, 3.0]) == ArraySpec((2,), "float32", None, 3.0)


def test_bounds_that_are_tolerated_are_wider_by_the_spaces_own_width_on_either_side():
    unit, wide = ArraySpec((), "float32", 0.0, 1.0), ArraySpec((3,), "float32", -9.0, 11.0)
    assert tolerated_bounds([unit]) == (-1.0, 2.0)
    assert tolerated_bounds([unit, wide]) == (-29.0, 31.0)
    assert tolerated_bounds([unit, ArraySpec((), "float32", 0.0)]) == tolerated_bounds([]) == (None, None)


@pytest.mark.parametrize(
    ("space", "value", "expected"),
    [
        (spaces.Box(-9, 9, (2,), np.float64), np.array([1.5, 2.5]), [[1.5, 2.5]]),
        (spaces.Box(-9, 9, (), np.float32), 1.5, [1.5]),
        (spaces.Box(-9, 9, (), np.float32), np.array([1.5]), [1.5]),
        (spaces.Box(-9, 9, (1,), np.float32), 1.5, [[1.5]]),
        (spaces.Discrete(3), np.int64(1), [[0, 1, 0]]),
        (spaces.Discrete(3, start=-1), -1, [[1, 0, 0]]),
        (spaces.Discrete(3), -1, [[0, 0, 0]]),
        (spaces.MultiDiscrete([2, 3]), [1, 2], [[0, 1, 0, 0, 1]]),
        (spaces.MultiDiscrete([[2], [2]], start=[[1], [0]]), [[1], [0]], [[1, 0, 1, 0]]),
        (spaces.MultiBinary([2, 2]), [[1, 0], [0, 1]], [[1, 0, 0, 1]]),
    ],
)
def test_observation_of_one_environment_becomes_one_row(space, value, expected):
    layout = ObservationLayout(space)
    (array,) = layout.reader(1)(value).values()
    assert array.tolist() == expected
    assert array.shape == (1, *layout.specs["observation"].shape)
    assert array.dtype == layout.specs["observation"].dtype


def test_one_hot_of_a_batch():
    (array,) = ObservationLayout(spaces.MultiDiscrete([2, 2])).reader(2)(np.array([[0, 1], [1, 1]])).values()
    assert array.tolist() == [[1, 0, 0, 1], [0, 1, 0, 1]]


@pytest.mark.parametrize("space", [spaces.Text(3), spaces.Sequence(spaces.Discrete(2)), spaces.Dict({})])
def test_observations_without_a_fixed_shape_are_refused(space):
    with pytest.raises(SpaceError, match="observation"):
        ObservationLayout(spaces.Dict({"part": space}))


def test_names_that_collide_are_refused():
    with pytest.raises(SpaceError, match="distinct"):
        ObservationLayout(spaces.Dict({"a.b": spaces.Discrete(2), "a": spaces.Dict({"b": spaces.Discrete(2)})}))


@pytest.mark.parametrize(
    "space", [spaces.MultiBinary(3), spaces.Dict({"a": spaces.Discrete(2)}), spaces.Box(0, 5, (2,), np.int32)]
)
def test_other_actions_are_refused_with_a_sentence(space):
    with pytest.raises(SpaceError, match="is not supported; Discrete, MultiDiscrete and a Box of real numbers are"):
        action_codec(space)


def test_discrete_action_of_one_environment_is_a_python_int_from_start():
    codec = action_codec(spaces.Discrete(3, start=5))
    action = codec.one(np.array([2]))
    assert type(action) is int and action == 7
    assert codec.many(np.array([0, 2])).tolist() == [5, 7]


def test_continuous_action_has_the_dtype_and_the_bounds_of_its_space():
    space = spaces.Box(np.array([-1.0, 0.0]), np.array([0.1, np.inf]), dtype=np.float64)
    codec = action_codec(space)
    assert codec.spec == Continuous((2,), (-1.0, 0.0), (0.1, None))
    rounded = codec.one(np.array([[0.1, 1e9]], np.float32))
    assert np.float64(np.float32(0.1)) > 0.1, "rounding takes float32 over the bound"
    assert rounded in space and rounded.dtype == np.float64


def test_action_far_out_of_bounds_is_left_to_the_environment():
    codec = action_codec(spaces.Box(-1, 1, (1,), np.float32))
    assert codec.one(np.array([[1.5]], np.float32)).tolist() == [1.5]
    assert codec.many(np.array([[1.0000001], [-2.0]], np.float32)).tolist() == [[1.0], [-2.0]]
