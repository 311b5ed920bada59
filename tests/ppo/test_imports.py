"""Torch takes seconds to import: only images and LSTMs may ask for it."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from soulsai_core import ArraySpec, Discrete, EnvSpec, Weights
from soulsai_ppo.plugin import plugin

spec = EnvSpec("vector", {{"observation": ArraySpec((4,), "float32")}}, Discrete(3))
config = plugin.config(**{settings})
rng = np.random.default_rng(0)
learner, actor = plugin.learner(plugin.config(), spec, rng), plugin.actor(config, spec, rng, True)
actor.load(Weights(0, plugin.learner(plugin.config(), spec, rng).weights()))
assert "torch" not in sys.modules, "torch was imported"
"""


DECLARING = """
import sys
from soulsai_core import ArraySpec, Discrete, EnvSpec
from soulsai_ppo.plugin import plugin

spec = EnvSpec("image", {"observation": ArraySpec((84, 84), "uint8", 0, 255)}, Discrete(3))
config = plugin.config(lstm=8)
assert list(plugin.columns(config, spec)) == ["state"] and plugin.sync(config).required_clients == 2
assert "torch" not in sys.modules, "torch was imported"
"""


def test_what_the_node_announces_needs_no_torch():
    subprocess.run([sys.executable, "-c", DECLARING], check=True)


@pytest.mark.parametrize("settings", [{}, {"lstm": 8}])
def test_clients_without_images_never_import_torch(settings):
    subprocess.run([sys.executable, "-c", PROGRAM.format(settings=settings)], check=True)


def test_training_node_is_imported_when_asked_for():
    import soulsai_ppo

    assert soulsai_ppo.PPOTrainingNode.__name__ == "PPOTrainingNode"
    with pytest.raises(AttributeError, match="no_such_name"):
        soulsai_ppo.no_such_name
