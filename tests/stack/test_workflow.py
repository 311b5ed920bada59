"""The jobs of the hosted CI name tests that exist."""

from __future__ import annotations

import re

import pytest
import yaml


@pytest.fixture(scope="module")
def workflow(root):
    return yaml.safe_load((root / ".github/workflows/ci.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("job", ["macos", "windows"])
def test_every_test_that_a_job_names_exists(root, workflow, job):
    commands = " ".join(step.get("run", "") for step in workflow["jobs"][job]["steps"])
    named = re.findall(r"\btests/[\w./]+", commands)
    assert len(named) > 5
    assert [path for path in named if not (root / path).exists()] == []


def test_windows_installs_every_distribution_that_players_use(workflow):
    commands = " ".join(step.get("run", "") for step in workflow["jobs"]["windows"]["steps"])
    assert set(re.findall(r"soulsai_\w+", commands)) == {
        "soulsai_core", "soulsai_dqn", "soulsai_ppo", "soulsai_sac", "soulsai_souls_env"
    }  # fmt: skip
