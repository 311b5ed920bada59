"""Real processes in a folder of their own, of which none survives its test."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import msgspec
import psutil
import pytest

from soulsai_core import checkpoint
from soulsai_core.config import read_secret
from soulsai_core.messages import NodeStatus
from soulsai_core.transport import StreamLimits
from soulsai_core.transport.embedded import EmbeddedServer, find_server
from soulsai_core.transport.redis import connect

LIMIT = 60.0
MARK = "STACK_OF_TEST"
SMALL = (
    "environment.config.id=CartPole-v1",
    "algorithm.config.hidden=[32]",
    "algorithm.config.learning_starts=200",
    "algorithm.config.buffer_size=5000",
    "training.checkpoint_every=10",
)


def wait_for(what, condition, timeout=LIMIT):
    """The first truthy answer of `condition`; fails with `what` was waited for."""
    deadline = time.monotonic() + timeout
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {timeout:g} s for {what}"
        time.sleep(0.02)
    return answer


class Command:
    """A running `python -m soulsai_core ...`."""

    def __init__(self, arguments, folder, environ, log):
        self.arguments, self._log = arguments, log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "soulsai_core", *arguments],
                cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip

    @property
    def output(self):
        return self._log.read_text()

    def says(self, pattern, timeout=LIMIT):
        """The match of what it prints sooner or later."""
        return wait_for(
            f"{pattern!r} from {self.arguments}", lambda: re.search(pattern, self.output) or self._alive(), timeout
        )

    def _alive(self):
        assert self.process.poll() is None, f"{self.arguments} ended with {self.process.returncode}:\n{self.output}"

    def ends(self, code=0, timeout=LIMIT):
        """Wait for its end; returns all that it printed."""
        try:
            ended_with = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments} did not end in {timeout:g} s:\n{self.output}") from None
        assert ended_with == code, f"{self.arguments} ended with {ended_with}:\n{self.output}"
        assert "Traceback" not in self.output, self.output
        return self.output

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def kill(self):
        """As the kernel does when memory is short: no word of farewell."""
        self.process.kill()
        self.process.wait(LIMIT)


class Stack:
    """Starts commands in `folder`, and knows all processes that came of them."""

    def __init__(self, folder, tmp_path):
        self.folder, self._logs = folder, tmp_path
        self._mark = uuid.uuid4().hex
        self._commands = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SOULSAI_")}
        self.environ = {**kept, MARK: self._mark, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self.environ["SOULSAI_TELEMETRY__ENABLED"] = "false"  # these tests are of the core and DQN

    def add_to_path(self, folder):
        """Let the processes import from `folder` before anything else."""
        before = self.environ.get("PYTHONPATH")
        self.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))

    def start(self, *arguments, settings=(), folder=None):
        """A command with `--set` for each setting; it goes on while the test does."""
        sets = [part for setting in settings for part in ("--set", setting)]
        log = self._logs / f"command-{len(self._commands)}.log"
        self._commands.append(Command([*arguments, *sets], folder or self.folder, self.environ, log))
        return self._commands[-1]

    def run(self, *arguments, settings=(), code=0, folder=None):
        """A command to its end; returns what it printed."""
        return self.start(*arguments, settings=settings, folder=folder).ends(code)

    def train(self, *arguments, steps=10**9, settings=()):
        """`soulsai train` on CartPole with small settings, to so many environment steps."""
        return self.start("train", *arguments, settings=(*SMALL, f"training.stop.env_steps={steps}", *settings))

    def training(self):
        """A training that has made some iterations, and no end in sight."""
        command = self.train("--seed", "3")
        wait_for("some iterations", lambda: command._alive() or ((s := self.status()) and s.iteration > 12 and s))
        return command

    @property
    def run_folder(self):
        """The folder of the only training there was."""
        [folder] = [path for path in (self.folder / "saves").iterdir() if path.is_dir()]
        return folder

    def status(self, address=None):
        """What the node says of itself, None if there is no node."""
        notes = list(self.folder.glob("saves/*/address"))
        if address is None and not notes:
            return None
        password = read_secret(self.folder / "redis.secret")
        transport = connect(address or notes[0].read_text(), "main", password=password, limits=StreamLimits())
        try:
            payload = transport.read_status()
        finally:
            transport.close()
        return payload and msgspec.json.decode(payload, type=NodeStatus)

    def counters(self):
        """iteration, env_steps and elapsed of the newest checkpoint."""
        return checkpoint.read(self.run_folder / "checkpoint")[1]

    def processes(self, *words):
        """Running processes that came of this stack, those with all `words` in their command lines."""
        found = []
        for process in psutil.process_iter():
            try:
                line = process.cmdline()
                if process.environ().get(MARK) == self._mark and all(any(w in part for part in line) for w in words):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def is_gone(self, timeout):
        """Wait until no process is left."""
        wait_for("all processes to be gone", lambda: not self.processes(), timeout)

    def close(self):
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        for command in self._commands:
            command.process.wait(LIMIT)


class Server:
    """A Redis server at a port of its own that can be killed and started again there."""

    def __init__(self, port, password, folder):
        self.port, self.password, self.address = port, password, f"127.0.0.1:{port}"
        self._folder = folder
        self._process = None

    def start(self):
        secret = ["--requirepass", self.password] if self.password else []
        quiet = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [str(find_server()), "--port", str(self.port), "--bind", "127.0.0.1", *quiet, *secret],
            stdout=subprocess.DEVNULL,
        )
        wait_for("the server", lambda: self._answers() and self._process.poll() is None)
        return self

    def _answers(self):
        import socket

        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait(LIMIT)


@pytest.fixture
def stack(tmp_path):
    """Commands in an empty folder; whatever they leave running is ended."""
    folder = tmp_path / "work"
    folder.mkdir()
    stack = Stack(folder, tmp_path)
    yield stack
    stack.close()


@pytest.fixture
def server():
    """A private server that lives as long as the test."""
    with EmbeddedServer() as server:
        yield server


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def make_server(free_port, tmp_path):
    """(password) -> a running Server."""
    servers = []

    def make(password=None):
        servers.append(Server(free_port, password, tmp_path).start())
        return servers[-1]

    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def until():
    """`wait_for`, since test modules cannot import from here."""
    return wait_for


@pytest.fixture(scope="session")
def repository():
    """The root of the sources."""
    return Path(__file__).parents[2]
