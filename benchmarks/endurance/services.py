"""The processes of a training, each started again when it was killed: a supervisor as compose or systemd is one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "ENDURANCE_MARK"


class Service:
    """One process, and those that follow it.

    Args:
        command: gives the command line of the next start.
        environ: its environment variables.
        log: file to which all starts append.
    """

    def __init__(self, name: str, command: Callable[[], Sequence[str]], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.starts = 0
        self._command = command
        self._environ = dict(environ)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = list(self._command())
        with self._log.open("ab") as log:
            log.write(f"\n--- {time.strftime('%H:%M:%S')} {shlex.join(command)}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                command, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Of the process, None while it runs."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, timeout: float) -> bool:
        """Whether it ends within `timeout` seconds."""
        try:
            assert self._process is not None
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class Services:
    """The services of one training in a folder of its own, by name. At the end nothing of them is left.

    Args:
        variables: further environment variables.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._mark = uuid.uuid4().hex
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SOULSAI_")}
        self._environ = {**inherited, **variables, MARK: self._mark, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self._environ["PYTHONPATH"] = os.pathsep.join(
            [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        self.services: dict[str, Service] = {}

    def add(self, name: str, command: Callable[[], Sequence[str]]) -> Service:
        """A service with this command line, not yet started."""
        self.services[name] = Service(name, command, self._environ, self._folder / f"{name}.log")
        return self.services[name]

    def orphans(self) -> list[str]:
        """Command lines of all processes that came of these services and are not the services themselves ... at the
        end: all that are left."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(shlex.join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def close(self) -> None:
        """Kill what is left."""
        for service in self.services.values():
            service.kill()
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark:
                    process.kill()
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue


def module(*arguments: str) -> list[str]:
    """The command line of a Python module."""
    return [sys.executable, "-m", *arguments]
