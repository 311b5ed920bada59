"""Clients need no torch, nor does what the node announces: it is not even imported."""

import subprocess
import sys

from waiting import DEADLINE_S

PLAY = """
import sys
sys.modules["torch"] = None  # importing it raises
import numpy as np
from soulsai_core import ArraySpec, Discrete, EnvSpec, Weights
from soulsai_core.plugins.catalog import Catalog
plugin = Catalog().algorithm("dqn")
plain = plugin.config(**Catalog().preset("double_dqn").values["algorithm"]["config"])
spec = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, Discrete(3))
actor = plugin.actor(plain, spec, np.random.default_rng(0), True)
rng = np.random.default_rng(0)
arrays = {}
for i, (width, depth) in enumerate([(4, 128), (128, 128), (128, 3)]):
    arrays[f"layers.{i}.weight"] = rng.normal(size=(depth, width)).astype(np.float32)
    arrays[f"layers.{i}.bias"] = np.zeros(depth, np.float32)
actor.load(Weights(3, arrays, 10**6))
here = {"observation": rng.normal(size=(2, 4)).astype(np.float32)}
actions, own = actor.act(here, None, np.ones(2, bool))
print(actions.dtype, own, actor.metrics(), plugin.sync(plain).rows_per_iteration)
r2d2 = plugin.config(**Catalog().preset("r2d2").values["algorithm"]["config"])
print(list(plugin.columns(r2d2, spec)))
"""


def test_actor_works_where_torch_is_not_installed():
    done = subprocess.run([sys.executable, "-c", PLAY], capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["int64 {} {'epsilon': 0.02} 64", "['value', 'best', 'state']"]


def test_node_is_there_by_its_public_name():
    import soulsai_dqn
    from soulsai_core import TrainingNode

    assert issubclass(soulsai_dqn.DQNTrainingNode, TrainingNode)
