"""An algorithm of another author: installed by pip, found by its entry point, trained through the whole stack."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.stack


@pytest.fixture
def installed(bare_stack, repository):
    """The stack with linear_q installed by pip, in a folder where torch cannot be imported."""
    target = bare_stack.folder.parent / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, repository / "tests" / "plugins" / "linear_q"], check=True, timeout=300)
    (target / "torch.py").write_text('raise ImportError("there is no torch here")\n')
    bare_stack.add_to_path(target)
    return bare_stack


def test_plugin_of_another_author_is_found_and_learns_without_torch(installed):
    assert "linear_q" in installed.run("plugins")
    settings = ["algorithm.name=linear_q", "environment.config.id=CartPole-v1", "training.stop.env_steps=9000"]
    installed.run("train", "--seed", "1", settings=settings)
    episodes = [json.loads(line) for line in (installed.run_folder / "episodes.jsonl").read_text().splitlines()]
    returns = [episode["total_reward"] for episode in episodes]
    assert installed.counters()["iteration"] > 100
    assert sum(returns[-20:]) > 2 * sum(returns[:20]), returns
