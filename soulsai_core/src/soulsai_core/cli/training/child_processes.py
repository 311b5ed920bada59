"""Child processes of `soulsai train`: started, restarted after a failure, and ended together with their parent."""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from soulsai_core.cli.bounded_log import BoundedLog
from soulsai_core.lifetime import tie_to_this_process
from soulsai_core.threads import delays

log = logging.getLogger("soulsai_core.train")

# Seconds. A client sends its last samples and closes its environment meanwhile.
_LEAVE_TIMEOUT = 6.0

# Seconds to read the last output of a child that has ended.
_LOG_TIMEOUT = 2.0

# Exit code of a command that ends with one of our own errors, such as a wrong setting.
_USER_ERROR = 2

# CREATE_NEW_PROCESS_GROUP, which `subprocess` defines on Windows alone.
_NEW_GROUP_ON_WINDOWS = 0x200


class ChildProcesses:
    """Keeps one process running for each command line.

    The standard input of a child is a pipe from this process. A child ends when that closes, which it does however
    this process ends.

    Args:
        commands: name of the child -> arguments after `python -m soulsai_core`.
        environ: environment variables of the children.
        logs: folder for the output of the children, one bounded file each.
        clients: children that are not restarted after exit code 2, since the same error would come again.
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
        self._client_errors: dict[str, str] = {}
        self._closing = threading.Event()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = [
            threading.Thread(target=self._keep_running, args=item, name=f"child-{item[0]}", daemon=True)
            for item in commands.items()
        ]

    @property
    def client_error(self) -> str | None:
        """The error of the last client, once all clients have given up; None before."""
        errors = dict(self._client_errors)  # a copy: the children's threads add to it
        return list(errors.values())[-1] if errors and errors.keys() == self._clients else None

    def start(self) -> None:
        """Start all of them."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask all of them to leave, and kill those that do not. Does nothing for children that were never started."""
        self._closing.set()
        processes = list(self._processes.values())
        # All pipes close before the first wait, so that the children leave at the same time.
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        deadline = time.monotonic() + _LEAVE_TIMEOUT
        for process in processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_LEAVE_TIMEOUT)

    def kill(self) -> None:
        """Kill all of them at once."""
        self._closing.set()
        for process in list(self._processes.values()):
            process.kill()

    def _keep_running(self, name: str, command: Sequence[str]) -> None:
        pauses = delays(random.Random(), first=1.0, longest=60.0)
        path = self._logs / f"{name}.log"
        while not self._closing.is_set():
            process = self._processes[name] = self._spawn(command)
            # `close` may have run between the check above and the start, and did not see this process.
            if self._closing.is_set() and process.stdin is not None:
                process.stdin.close()
            untie = tie_to_this_process(process.pid)
            output = _log_output(process, path)
            code = process.wait()
            untie()
            error = output()
            if code == 0 or self._closing.is_set():
                return
            if code == _USER_ERROR and name in self._clients:
                self._give_up(name, error, path)
                return
            pause = next(pauses)
            log.warning(
                "%s ended with code %d: %s Starting it again in %.0f s; its log is %s.",
                name.capitalize(), code, error, pause, path,
            )  # fmt: skip
            self._closing.wait(pause)

    def _give_up(self, name: str, error: str, path: Path) -> None:
        left = len(self._clients) - len(self._client_errors) - 1
        others = f" {left} of {len(self._clients)} clients go on." if left else ""
        log.error("%s gave up: %s It is not started again;%s its log is %s.", name.capitalize(), error, others, path)
        self._client_errors[name] = error

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        # Each child has a process group of its own: Ctrl-C in the terminal reaches this process alone, which then asks
        # the children to leave.
        windows = os.name == "nt"
        return subprocess.Popen(
            [sys.executable, "-m", "soulsai_core", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ,
            creationflags=_NEW_GROUP_ON_WINDOWS if windows else 0,
            start_new_session=not windows,
        )


def _log_output(process: subprocess.Popen[bytes], path: Path) -> Callable[[], str]:
    """Write the output of a process to its log, from a thread. Returns a function that gives the error of the process
    once it has ended."""
    log_of_child = BoundedLog(path)

    def copy() -> None:
        assert process.stdout is not None
        with process.stdout, closing(log_of_child):
            log_of_child.copy(process.stdout)

    thread = threading.Thread(target=copy, name=f"log-{path.stem}", daemon=True)
    thread.start()

    def error() -> str:
        # Not without end: a process that the child left behind may hold the pipe open.
        thread.join(_LOG_TIMEOUT)
        return _error_in(log_of_child.tail())

    return error


def _error_in(text: str) -> str:
    """The error that a command printed, all of its lines; the last line if there is none."""
    _, mark, error = f"\n{text}".rpartition("\nsoulsai: ")
    return error if mark else text.rpartition("\n")[2] or "it printed nothing."
