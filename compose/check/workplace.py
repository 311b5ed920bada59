"""A copy of the checkout with its own secrets and settings, so that a check never changes those of a real server."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from compose.check.engine import Failure, Stack

HOST = "stack.test"
PORTS = {
    "SOULSAI_REDIS_PORT": 26379,
    "SOULSAI_PAGE_PORT": 28081,
    "SOULSAI_PROMETHEUS_PORT": 29090,
    "SOULSAI_GRAFANA_PORT": 23000,
    "SOULSAI_HTTP_PORT": 28080,
    "SOULSAI_HTTPS_PORT": 28443,
    "SOULSAI_STREAM_PORT": 26380,
    "SOULSAI_PEBBLE_PORT": 25000,
}

_SETTINGS = """
  checkpoint_every: 50
  client_timeout_s: 5
"""

# Durations of minutes become seconds in the check; the expressions stay the same.
_SHORTER = {
    "rules.yml": [
        ("[5m]", "[15s]"),
        ("> 300", "> 15"),
        ("for: 5m", "for: 5s"),
        ("for: 2m", "for: 5s"),
        ("for: 30s", "for: 3s"),
    ],
    "prometheus.yml": [("_interval: 5s", "_interval: 1s"), ("scrape_timeout: 4s", "scrape_timeout: 1s")],
}


def environment(prefix: str) -> dict[str, str]:
    """Environment variables with which the stack can run at the same time as another one."""
    own = {
        "SOULSAI_PROJECT": f"soulsai-{prefix}",
        "SOULSAI_NETWORKS": f"{prefix}-",
        "SOULSAI_REDIS_BIND": "127.0.0.1",
        "SOULSAI_PUBLIC_HOST": HOST,
        "SOULSAI_ACME_SERVER": "https://pebble:14000/dir",
        "SOULSAI_ACME_PAUSE": "15",
    }
    return {**os.environ, **own, **{name: str(port) for name, port in PORTS.items()}}


def prepare(source: Path, target: Path, environ: dict[str, str]) -> None:
    """Copy the files that compose reads, shorten durations, and create the secrets as a host does."""
    shutil.copytree(
        source / "compose", target / "compose", ignore=shutil.ignore_patterns("*.secret", "*.join", "acl", "tls")
    )
    shutil.copy(source / "compose.yaml", target)
    settings = target / "compose/config/config.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("\ntraining:", f"\ntraining:{_SETTINGS.rstrip()}"), encoding="utf-8")
    for name, changes in _SHORTER.items():
        _shorten(target / "compose/monitoring/prometheus" / name, changes)
    for path in (target / "compose").rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".sh" else 0o644)
    make_secrets(target, environ)


def make_secrets(folder: Path, environ: dict[str, str]) -> None:
    """Run `soulsai init` in a container."""
    Stack(folder, environ, ["init"])("run", "--rm", "--no-deps", "init", "--host", HOST, "--host", "pebble")
    for line in (folder / ".env").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name in ("SOULSAI_UID", "SOULSAI_GID"):
            environ[name] = value


def _shorten(path: Path, changes: list[tuple[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for before, after in changes:
        if before not in text:
            raise Failure(f"{path.name} has no {before!r} that could be shortened.")
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")
