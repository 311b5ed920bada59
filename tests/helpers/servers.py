"""A Redis server that tests can kill and start again."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from waiting import DEADLINE_S, free_port, wait_for

from soulsai_core.transport.embedded import find_server


class Server:
    """A Redis server at a port of its own. `password` None is a server without one."""

    def __init__(self, password: str | None, folder: Path) -> None:
        self.port = free_port()
        self.password = password
        self.address = f"127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start the server, empty, and wait until it answers."""
        secret = ["--requirepass", self.password] if self.password else []
        options = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [str(find_server()), "--port", str(self.port), "--bind", "127.0.0.1", *options, *secret],
            stdout=subprocess.DEVNULL,
        )
        wait_for("the server", self._answers)
        return self

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, "the server has ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the server at once; it forgets everything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
