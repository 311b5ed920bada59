"""The client's side of the plugin needs no torch: it is not even imported."""

import subprocess
import sys

PLAY = """
import sys
sys.modules["torch"] = None  # importing it raises
import numpy as np
from soulsai_core import ArraySpec, Discrete, EnvSpec, Transitions, Weights
from soulsai_core.catalog import Catalog
plugin = Catalog().algorithm("double_dqn")
spec = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Discrete(3))
actor = plugin.actor(plugin.config(), spec, np.random.default_rng(0))
rng = np.random.default_rng(0)
arrays = {}
for i, (width, depth) in enumerate([(4, 128), (128, 128), (128, 3)]):
    arrays[f"layers.{i}.weight"] = rng.normal(size=(depth, width)).astype(np.float32)
    arrays[f"layers.{i}.bias"] = np.zeros(depth, np.float32)
actor.load(Weights(3, arrays, 10**6))
here = {"observation": rng.normal(size=(2, 4)).astype(np.float32)}
ends, goes_on = np.ones(2, bool), np.zeros(2, bool)
actions = actor.act(here, None)
actor.add(Transitions(np.arange(2), here, actions, np.ones(2, np.float32), ends, goes_on, here))
print(actions.dtype, actor.take().iteration.tolist(), actor.metrics())
"""


def test_actor_works_where_torch_is_not_installed():
    done = subprocess.run([sys.executable, "-c", PLAY], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "int64 [3, 3] {'epsilon': 0.02}"


def test_node_is_there_by_its_public_name():
    import soulsai_dqn
    from soulsai_core import TrainingNode

    assert issubclass(soulsai_dqn.DQNTrainingNode, TrainingNode)
