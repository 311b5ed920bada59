"""Runs the stack of compose.yaml with `docker compose`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FILES = ("compose.yaml", "compose/check/override.yaml")


class Failure(Exception):
    """A check has failed."""


def run(command: Sequence[str], *, folder: Path, environ: Mapping[str, str], ok: Sequence[int] = (0,)) -> str:
    """Run a command and return its output. Raises Failure if its exit code is not in `ok`."""
    done = subprocess.run(command, cwd=folder, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode not in ok:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise Failure(f"`{' '.join(command)}` ended with code {done.returncode}: {said}")
    return done.stdout


class Stack:
    """One project.

    Args:
        folder: a checkout with its secrets.
        environ: of the docker commands.
        profiles: those that run.
        extra: compose files in addition to those that are always there.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], profiles: Sequence[str], extra: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.environ = environ
        files = [word for file in (*FILES, *extra) for word in ("--file", file)]
        chosen = [word for profile in profiles for word in ("--profile", profile)]
        self._command = ["docker", "compose", "--ansi", "never", *files, *chosen]

    def __call__(self, *words: str, ok: Sequence[int] = (0,)) -> str:
        """Run `docker compose WORDS`."""
        return run([*self._command, *words], folder=self.folder, environ=self.environ, ok=ok)

    def up(self, clients: int, *, wait: bool = False) -> None:
        """Start the services that do not run, with this many clients."""
        self("up", "--detach", "--no-build", *(["--wait"] if wait else []), "--scale", f"client_node={clients}")

    def inside(self, service: str, *command: str, ok: Sequence[int] = (0,)) -> str:
        """Run a command in the service's container and return its output."""
        return self("exec", "--no-TTY", service, *command, ok=ok)

    def containers(self) -> list[dict[str, str]]:
        """Service, Name, State, Health and more of each container."""
        text = self("ps", "--all", "--format", "json")
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        return [row for part in rows for row in (part if isinstance(part, list) else [part])]

    def healthy(self, service: str) -> bool:
        """Whether its containers run and their health checks succeed."""
        found = [row for row in self.containers() if row["Service"] == service]
        return bool(found) and all(row["State"] == "running" and row["Health"] in ("", "healthy") for row in found)

    def restarts(self, service: str) -> int:
        """How often the engine has restarted the service's first container."""
        name = next(row["Name"] for row in self.containers() if row["Service"] == service)
        form = "{{.RestartCount}}"
        return int(run(["docker", "inspect", "--format", form, name], folder=self.folder, environ=self.environ))

    def kill(self, service: str) -> None:
        """Kill the service's processes as a crash would. `docker kill` would not trigger the restart policy."""
        self.inside(service, "sh", "-c", "kill -9 -1", ok=(0, 137))

    def down(self) -> None:
        """Remove all containers, networks and volumes."""
        self("down", "--volumes", "--remove-orphans", "--timeout", "10")

    def print_state(self) -> None:
        """Print the containers' states and their last log lines."""
        for row in self.containers():
            print(f"  {row['Name']}: {row['Status']}", file=sys.stderr)
        print(self("logs", "--tail", "15", "--no-color"), file=sys.stderr)
