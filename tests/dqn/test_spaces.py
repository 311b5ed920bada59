"""What DQN takes in: spaces that it cannot serve are refused with a sentence."""

import msgspec
import numpy as np
import pytest
from dqn_settings import plain

from soulsai_core import ArraySpec, Continuous, Discrete, EnvSpec, Features, MultiDiscrete, SpaceError
from soulsai_dqn.learning.buffer import prepared
from soulsai_dqn.spaces import number_of_actions, own_columns


def spec(observations, action=None):
    return EnvSpec("Some-v0", observations, action or Discrete(2))


@pytest.mark.parametrize("action", [Continuous((1,), (None,), (None,)), MultiDiscrete((2, 3))])
def test_other_actions_than_discrete_are_refused_with_the_alternative(action):
    for refused in (number_of_actions, lambda spec: own_columns(plain(), spec)):
        with pytest.raises(SpaceError, match=f"Some-v0 has {type(action).__name__} actions.*PPO"):
            refused(spec({}, action))


def test_discrete_actions_are_counted():
    assert number_of_actions(spec({}, Discrete(20))) == 20


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, []),
        ({"prioritized": {}}, ["value", "best"]),
        ({"recurrent": {"width": 3}}, ["state"]),
        ({"prioritized": {}, "recurrent": {}}, ["value", "best", "state"]),
    ],
)
def test_actors_send_what_the_settings_need(settings, names):
    columns = own_columns(plain(**settings), spec({}))
    assert list(columns) == names and [name for name, part in columns.items() if part.sparse] == names[-1:] * (
        "recurrent" in settings
    )


def test_steps_are_stored_as_features_with_scaled_rewards(stream):
    """Also those after the last rows; actions, masks and order do not change."""
    parts = {"observation.hp": ArraySpec((2,), "float32"), "observation.eye": ArraySpec((40, 50, 3), "uint8", 0, 255)}
    of = msgspec.structs.replace(spec(parts), masked=True)
    config = plain(reward_scale=0.5, reward_clip=1.0)
    steps = stream(config, of)(30)
    kept = prepared(steps, Features(of), config)
    assert kept.columns["image"].shape == (30, 3, 40, 50) and kept.after["image"].shape[1:] == (3, 40, 50)
    np.testing.assert_array_equal(kept.columns["observation"], steps.columns["observation.hp"])
    np.testing.assert_array_equal(kept.columns["reward"], np.clip(steps.columns["reward"] * 0.5, -1, 1))
    for name in ("action", "mask"):
        assert kept.columns[name] is steps.columns[name]
    assert kept.after["mask"] is steps.after["mask"] and kept.segments is steps.segments
