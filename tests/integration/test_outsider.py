"""An algorithm of somebody else's: installed by pip, found by its entry point, trained through the whole stack."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.stack


@pytest.fixture
def installed(stack, repository):
    """linear_q beside the core, in a place where torch cannot be imported."""
    target = stack.folder.parent / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", target, repository / "tests" / "plugins" / "linear_q"], check=True, timeout=120)
    (target / "torch.py").write_text('raise ImportError("there is no torch here")\n')
    stack.add_to_path(target)


@pytest.mark.usefixtures("installed")
def test_it_is_found_and_learns_without_torch(stack):
    assert "linear_q" in stack.run("plugins")
    settings = ["algorithm.name=linear_q", "environment.config.id=CartPole-v1", "training.stop.env_steps=9000"]
    stack.run("train", "--seed", "1", settings=settings)
    episodes = [json.loads(line) for line in (stack.run_folder / "episodes.jsonl").read_text().splitlines()]
    returns = [episode["total_reward"] for episode in episodes]
    assert stack.counters()["iteration"] > 100
    assert sum(returns[-20:]) > 2 * sum(returns[:20]), returns
