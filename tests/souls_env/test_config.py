"""Settings of the plugin."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.plugin import plugin


@pytest.mark.parametrize(
    ("id", "boss", "pictures", "demo"),
    [
        ("SoulsGymIudex-v0", "iudex", False, False),
        ("SoulsGymIudexImg-v0", "iudex", True, False),
        ("SoulsGymIudexDemo-v0", "iudex", False, True),
        ("SoulsGymVordt-v0", "vordt", False, False),
    ],
)
def test_id_says_what_is_fought_and_seen(id, boss, pictures, demo):
    config = SoulsConfig(id=id)
    assert (config.boss, config.shows_pictures, config.is_demo) == (boss, pictures, demo)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"id": "CartPole-v1"}, "pattern"),
        ({"game_speed": 0}, "greater than 0"),
        ({"phase": 3}, "1 or 2"),
        ({"id": "SoulsGymVordt-v0", "game": "simulated"}, "Iudex Gundyr only"),
        ({"id": "SoulsGymIudexDemo-v0", "phase": 2}, "both phases"),
        ({"simulation": {"faults": {"kinds": ["earthquake"]}}}, "freeze"),
    ],
)
def test_what_cannot_work_is_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        SoulsConfig.model_validate(settings)


def test_pictures_are_announced_as_they_come():
    image = {"height": 42, "width": 64, "gray": True, "stack": 4}
    spec = plugin.spec(SoulsConfig.model_validate({"id": "SoulsGymIudexImg-v0", "image": image}))
    assert spec.observations["observation"].shape == (4, 42, 64)
    assert plugin.spec(SoulsConfig(id="SoulsGymIudexImg-v0")).observations["observation"].shape == (90, 160, 3)
