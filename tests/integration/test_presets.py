"""`soulsai presets`, and the presets themselves: each says what it is for, and its settings are valid."""

import pytest

from soulsai_core import Catalog, load_config
from soulsai_core.config import resolve

PRESETS = Catalog().usable("preset")


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_preset_has_a_purpose_and_valid_settings(preset):
    assert preset.description and not preset.description.endswith(".")
    resolve(load_config(None, [f"preset={preset.name}"], {}), Catalog())


def test_presets_are_listed_with_what_they_are_for(run_here):
    output = run_here("presets")
    listed = {line.split()[0] for line in output.splitlines() if line}
    assert {"lunar-lander", "cartpole", "acrobot", "pong", "pendulum", "lunar-lander-continuous"} <= listed
    assert {"iudex-simulated", "vordt-simulated"} <= listed
    assert all(preset.description in output for preset in PRESETS)
