"""Runs one server process, and ends it when the parent process has ended, in whatever way.

It is run by path with `python -I -S` and uses little of the standard library, so that it starts in milliseconds. The
parent holds a pipe to our stdin: at its end we end the server. The server's process id is printed to stdout, which is
closed together with stderr when the server ends by itself.

Arguments: a folder to remove at the end, the parent's process id, the server's command.
"""

import os
import select
import signal
import sys
import time

PATIENCE = 3.0
"""Seconds that the server has to end after SIGTERM, before it is killed."""


class Server:
    """The server process. Its output goes to the file `log` in the folder."""

    def __init__(self, folder: str, command: list[str]) -> None:
        log = os.path.join(folder, "log")  # noqa: PTH118 - pathlib takes as long to import as all the rest
        guard = os.getpid()
        # Not posix_spawn, which cannot ask the kernel to end the server if this process is killed. There is one thread.
        self.pid = os.fork()
        if self.pid == 0:
            become(command, log, guard)
        self.gone = False

    def reap(self, *_: object) -> None:
        """If the server has ended, tell the parent by closing stdout and stderr."""
        if not self.gone and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.gone = True
            # Both lead to the pipe that the parent reads, which ends once both are closed.
            os.closerange(1, 3)

    def end(self) -> None:
        """End the server and wait for it."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + PATIENCE
            if not self.gone:
                os.kill(self.pid, sign)
            while not self.gone and time.monotonic() < deadline:
                time.sleep(0.005)
                self.reap()


def become(command: list[str], log: str, guard: int) -> None:
    """In the child process: run the command, whose output goes to the file `log`. Never returns."""
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
        os.dup2(1, 2)
        end_with_guard(guard)
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(127)


def end_with_guard(guard: int) -> None:
    """On Linux the kernel kills the server if the guard is killed."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    # The guard may have ended before the kernel was asked.
    if os.getppid() != guard:
        os._exit(1)


def leave(*_: object) -> None:
    """A signal that asks us to end does the same as the end of the parent."""
    sys.exit(0)


def wait_for_parent(parent: int) -> None:
    """Return when the pipe is closed, or when the parent has ended and a child of it keeps the pipe open."""
    while os.getppid() == parent and not select.select([0], [], [], 1.0)[0]:
        pass


def remove(folder: str) -> None:
    """Remove a folder without subfolders."""
    for entry in os.scandir(folder):
        os.unlink(entry.path)  # noqa: PTH108
    os.rmdir(folder)  # noqa: PTH106


def main(folder: str, parent: int, command: list[str]) -> None:
    """Start the server, wait for the end of the parent, end the server and remove the folder."""
    # Ctrl-C is for the parent, which still needs the server while it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, leave)
    try:
        server = Server(folder, command)
        try:
            signal.signal(signal.SIGCHLD, server.reap)
            os.write(1, b"%d\n" % server.pid)
            server.reap()  # it may have ended before the signal was handled
            wait_for_parent(parent)
        finally:
            server.end()
    finally:
        remove(folder)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
