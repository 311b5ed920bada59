"""The training node from Python, as docs/python.md shows it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from waiting import DEADLINE_S

from soulsai_core import checkpoint

pytestmark = pytest.mark.stack

SETTINGS = """
environment: {config: {id: CartPole-v1}}
algorithm: {config: {hidden: [32], learning_starts: 100}}
"""


@pytest.fixture
def snippets(repository):
    """The Python code of docs/python.md."""
    return re.findall(r"```python\n(.*?)```", (repository / "docs" / "python.md").read_text(), re.DOTALL)


def run_snippet(stack, code):
    (stack.folder / "config.yaml").write_text(SETTINGS)
    file = stack.folder / "snippet.py"
    file.write_text(code)
    done = subprocess.run(
        [sys.executable, "-X", "dev", file.name],
        cwd=stack.folder,
        env=stack.environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    assert not stack.processes()
    return done


def test_snippet_of_the_documentation_trains(stack, snippets):
    lines = [line for line in snippets[0].splitlines() if line]
    assert len(lines) <= 12
    done = run_snippet(stack, snippets[0].replace("env_steps=50000", "env_steps=500"))
    ended = r"It ended because the goal of \d+ environment steps is reached - the model is in saves/"
    assert re.search(ended, done.stdout)
    assert done.stderr == ""
    _, counters = checkpoint.read(stack.run_folder / "checkpoint")
    assert counters["env_steps"] >= 500
    code = re.sub(r"saves/[\w.-]+", f"saves/{stack.run_folder.name}", snippets[2] + snippets[3])
    played = run_snippet(stack, code + "import sys\nassert 'torch' not in sys.modules\n")
    assert re.fullmatch(r"(It returned [1-9]\d*\.0\n){3}", played.stdout)


def test_snippet_of_other_methods_runs(stack, snippets):
    """On a node that has not run: it saves, and loads what it saved."""
    begin = """
from pathlib import Path
from soulsai_core import load_config
from soulsai_core.app import EmbeddedServer
from soulsai_dqn import DQNTrainingNode

with EmbeddedServer() as server:
    overrides = [f"redis.address={server.address}", "algorithm.name=ppo", "algorithm.config.n_step=2"]
    node = DQNTrainingNode(load_config(overrides=overrides))
    path = Path("first")
    node.checkpoint(path)
"""
    calls = [re.sub(r"\s+#.*", "", line) for line in snippets[1].splitlines()]
    calls[1:1] = ['path = Path("second")']
    calls[3:3] = ['path = Path("config.json")']
    code = begin + "".join(f"    {line}\n" for line in calls)
    code += '    algorithm = node.load_config(path)["algorithm"]\n'
    code += '    assert algorithm["name"] == "dqn" and algorithm["config"]["n_step"] == 2\n'
    run_snippet(stack, code)
    assert checkpoint.read(stack.folder / "second")[1] == checkpoint.read(stack.folder / "first")[1]
