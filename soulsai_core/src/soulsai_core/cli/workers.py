"""Child processes of `soulsai train`: started, started again when they die, and never left behind."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from soulsai_core.backoff import delays

log = logging.getLogger("soulsai_core.train")

_FAREWELL = 6.0


class Workers:
    """Keeps one process for each command line running.

    A child holds a pipe from this process as its standard input, and leaves when that closes, however this process
    ended.

    Args:
        commands: name of the child -> arguments after `python -m soulsai_core`.
        environ: environment variables of the children.
        logs: folder for what the children print, one file each.
    """

    def __init__(self, commands: Mapping[str, Sequence[str]], environ: dict[str, str], logs: Path) -> None:
        self._environ = environ
        self._logs = logs
        self._closing = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = [
            threading.Thread(target=self._keep_running, args=item, name=f"worker-{item[0]}", daemon=True)
            for item in commands.items()
        ]

    def start(self) -> None:
        """Start all of them."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask all of them to leave, and end those that do not. They may not have been started."""
        self._closing.set()
        processes = list(self._processes.values())
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            try:
                process.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_FAREWELL)

    def kill(self) -> None:
        """End all of them at once."""
        self._closing.set()
        for process in list(self._processes.values()):
            process.kill()

    def _keep_running(self, name: str, command: Sequence[str]) -> None:
        pauses = delays(random.Random(), first=1.0, longest=60.0)
        path = self._logs / f"{name}.log"
        while not self._closing.is_set():
            with path.open("ab") as output:
                process = self._processes[name] = self._spawn(command, output)
                if self._closing.is_set() and process.stdin is not None:
                    process.stdin.close()
                code = process.wait()
            if code == 0 or self._closing.is_set():
                return
            pause = next(pauses)
            log.warning(
                "%s ended with code %d: %s Starting it again in %.0f s; its log is %s.",
                name.capitalize(), code, _last_line(path), pause, path,
            )  # fmt: skip
            self._closing.wait(pause)

    def _spawn(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        # A group of their own: Ctrl-C in the terminal reaches this process alone, which then asks them to leave.
        windows = os.name == "nt"
        return subprocess.Popen(
            [sys.executable, "-m", "soulsai_core", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._environ,
            creationflags=0x200 if windows else 0,
            start_new_session=not windows,
        )


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing."
