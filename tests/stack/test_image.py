"""The Dockerfile and the scripts of the image. `make stack` builds and runs them."""

from __future__ import annotations

import fnmatch
import subprocess
import sys

import pytest

SCRIPTS = (
    "compose/image/training_node.sh",
    "compose/reverse_proxy/nginx/conf/start.sh",
    "compose/reverse_proxy/certbot/renew.sh",
)


def test_hadolint_reports_nothing(root):
    # Debian's packages are not pinned: their old versions vanish from the mirrors.
    command = [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('scripts'))"]
    scripts = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    files = ["compose/Dockerfile", "compose/check/pebble/Dockerfile"]
    checked = subprocess.run(
        [f"{scripts}/hadolint", "--ignore", "DL3008", *files], cwd=root, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_reports_nothing(root, needs, script):
    checked = subprocess.run([needs("shellcheck"), script], cwd=root, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize(
    "path",
    ["compose/config/redis.secret", "compose/config/tls/ca.key", "compose/config/acl/users.acl", ".env", "saves/x/y",
     ".git/config", "redis.secret"],
)  # fmt: skip
def test_no_secret_is_sent_to_the_docker_engine(root, path):
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    assert not any(fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in kept)


def test_requirements_of_the_client_have_neither_torch_nor_the_game(root):
    command = [sys.executable, "compose/image/requirements.py", "soulsai_core", "soulsai_dqn", "soulsai_souls_env"]
    wanted = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert "numpy" in wanted
    assert not any(name in wanted for name in ("torch", "soulsgym", "soulsai"))


def test_requirements_of_an_extra_can_be_listed(root):
    command = [sys.executable, "compose/image/requirements.py", "soulsai_core[testing]"]
    wanted = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert [line.partition(">")[0] for line in wanted.split()] == ["pytest"]


class TestTrainingNodeScript:
    @pytest.fixture
    def start(self, root, tmp_path):
        """A function: run the script with a `soulsai` that prints its arguments, and return these."""
        fake = tmp_path / "soulsai"
        fake.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
        fake.chmod(0o755)
        environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SOULSAI_RUN__SAVES": str(tmp_path / "saves")}

        def start():
            command = ["sh", str(root / "compose/image/training_node.sh"), "--config", "config.yaml"]
            return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()

        return start

    def test_new_training_is_started_where_there_is_none(self, start):
        assert start() == ["training-node", "--config", "config.yaml"]

    @pytest.mark.parametrize("name", ["checkpoint/manifest.json", "checkpoint.old/manifest.json", "journal/0.steps"])
    def test_training_with_a_checkpoint_or_a_journal_is_resumed(self, start, tmp_path, name):
        kept = tmp_path / "saves/run-1" / name
        kept.parent.mkdir(parents=True)
        kept.touch()
        assert start() == ["training-node", "--resume", "--config", "config.yaml"]
