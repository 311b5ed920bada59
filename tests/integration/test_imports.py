"""What a training node imports: not PyTorch's compiler, which takes as long as PyTorch itself and is never used."""

import subprocess
import sys

TRAIN = """
import sys
from soulsai_core import ArraySpec, Catalog, Continuous, Discrete, EnvSpec
from soulsai_core.testing.rollout import Subject, Training

small = {"hidden": (8,), "batch_size": 8, "learning_starts": 16, "update_every": 8, "buffer_size": 100}
for name, action in [("dqn", Discrete(3)), ("sac", Continuous((1,), (-1.0,), (1.0,)))]:
    plugin = Catalog().algorithm(name)
    spec = EnvSpec("vector", {"observation": ArraySpec((4,), "float32")}, action)
    training = Training(Subject(plugin, plugin.config(**small), spec))
    training.run(2)
    training.learner.load(training.learner.save())
    print(name, sorted({"sympy", "torch._dynamo"} & sys.modules.keys()))
"""


def test_no_learner_imports_the_compiler():
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["dqn []", "sac []"]
