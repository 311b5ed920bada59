"""Holds one server process and ends it when the parent is gone, however it went.

Run by path with `python -I -S`: the standard library only, and little of it, so that it starts in milliseconds.
The parent keeps a pipe to our stdin; its end is the sign to go. The server's process id goes to stdout; it and stderr
are closed when the server ends by itself.

Arguments: a folder to remove at the end, the parent's process id, the server's command.
"""

import os
import select
import signal
import sys
import time

PATIENCE = 3.0
"""Seconds for the server to end by itself before it is killed."""


class Server:
    """The process held. Its output goes to the file `log` in the folder."""

    def __init__(self, folder: str, command: list[str]) -> None:
        log = os.path.join(folder, "log")  # noqa: PTH118 - pathlib takes as long to import as all the rest
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        self.pid = os.posix_spawn(command[0], command, os.environ, file_actions=files)
        self.gone = False

    def reap(self, *_: object) -> None:
        """Notice that the server has ended, and let the parent know."""
        if not self.gone and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.gone = True
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


def leave(*_: object) -> None:
    """A signal that asks us to go is heard like the parent's end."""
    sys.exit(0)


def wait_for_parent(parent: int) -> None:
    """Return when the pipe is closed, or when the parent died and a child of its own holds the pipe open."""
    while os.getppid() == parent and not select.select([0], [], [], 1.0)[0]:
        pass


def remove(folder: str) -> None:
    """Remove a folder that holds files only."""
    for entry in os.scandir(folder):
        os.unlink(entry.path)  # noqa: PTH108
    os.rmdir(folder)  # noqa: PTH106


def main(folder: str, parent: int, command: list[str]) -> None:
    """Start the server, wait for the parent's end, clean up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, leave)
    try:
        server = Server(folder, command)
        try:
            signal.signal(signal.SIGCHLD, server.reap)
            os.write(1, b"%d\n" % server.pid)
            server.reap()
            wait_for_parent(parent)
        finally:
            server.end()
    finally:
        remove(folder)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
