"""Settings of the plugin."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin


@pytest.mark.parametrize(
    ("id", "boss", "images", "demo"),
    [
        ("SoulsGymIudex-v0", "iudex", False, False),
        ("SoulsGymIudexImg-v0", "iudex", True, False),
        ("SoulsGymIudexDemo-v0", "iudex", False, True),
        ("SoulsGymVordt-v0", "vordt", False, False),
    ],
)
def test_id_determines_the_boss_and_the_observation(id, boss, images, demo):
    config = SoulsConfig(id=id)
    assert (config.boss, config.has_images, config.is_demo) == (boss, images, demo)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"id": "SoulsGymDancer-v0", "game": "simulated"}, "Iudex Gundyr and Vordt"),
        ({"id": "CartPole-v1"}, "pattern"),
        ({"game_speed": 0}, "greater than 0"),
        ({"phase": 3}, "1 or 2"),
        ({"id": "SoulsGymIudexDemo-v0", "phase": 2}, "both phases"),
        ({"simulation": {"faults": {"kinds": ["earthquake"]}}}, "freeze"),
    ],
)
def test_invalid_setting_is_refused_with_the_reason(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        SoulsConfig.model_validate(settings)


def test_spec_has_the_shape_of_the_preprocessed_images():
    image = {"height": 42, "width": 64, "gray": True, "stack": 4}
    spec = plugin.spec(SoulsConfig.model_validate({"id": "SoulsGymIudexImg-v0", "image": image}))
    assert spec.observations["observation"].shape == (4, 42, 64)
    assert plugin.spec(SoulsConfig(id="SoulsGymIudexImg-v0")).observations["observation"].shape == (90, 160, 3)
