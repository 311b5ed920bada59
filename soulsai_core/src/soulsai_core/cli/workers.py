"""Child processes of `soulsai train`: started, started again when they die, and never left behind."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO

from soulsai_core.backoff import delays

log = logging.getLogger("soulsai_core.train")

_FAREWELL = 6.0
_MISTAKE = 2


class Workers:
    """Keeps one process for each command line running.

    A child holds a pipe from this process as its standard input, and leaves when that closes, however this process
    ended.

    Args:
        commands: name of the child -> arguments after `python -m soulsai_core`.
        environ: environment variables of the children.
        logs: folder for what the children print, one file each.
        clients: children that are not started again after exit code 2: what they complain of stays as it is until
            somebody changes it.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        environ: dict[str, str],
        logs: Path,
        *,
        clients: Collection[str] = (),
    ) -> None:
        self._environ = environ
        self._logs = logs
        self._clients = frozenset(clients)
        self._given_up: dict[str, str] = {}
        self._closing = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = [
            threading.Thread(target=self._keep_running, args=item, name=f"worker-{item[0]}", daemon=True)
            for item in commands.items()
        ]

    @property
    def complaint(self) -> str | None:
        """The last client's sentence, once all clients have given up."""
        given_up = dict(self._given_up)
        return list(given_up.values())[-1] if given_up and given_up.keys() == self._clients else None

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
                since = output.tell()
                process = self._processes[name] = self._spawn(command, output)
                if self._closing.is_set() and process.stdin is not None:
                    process.stdin.close()
                code = process.wait()
            if code == 0 or self._closing.is_set():
                return
            if code == _MISTAKE and name in self._clients:
                self._give_up(name, _last_words(path, since), path)
                return
            pause = next(pauses)
            log.warning(
                "%s ended with code %d: %s Starting it again in %.0f s; its log is %s.",
                name.capitalize(), code, _last_words(path, since), pause, path,
            )  # fmt: skip
            self._closing.wait(pause)

    def _give_up(self, name: str, words: str, path: Path) -> None:
        left = len(self._clients) - len(self._given_up) - 1
        others = f" {left} of {len(self._clients)} clients go on." if left else ""
        log.error("%s gave up: %s It is not started again;%s its log is %s.", name.capitalize(), words, others, path)
        self._given_up[name] = words

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


def _last_words(path: Path, since: int) -> str:
    """From this byte of a log on, what the command complained of, which may have several lines; else its last line."""
    text = path.read_bytes()[since:].decode("utf-8", "replace").strip()
    _, mark, complaint = f"\n{text}".rpartition("\nsoulsai: ")
    return complaint if mark else text.rpartition("\n")[2] or "it said nothing."
