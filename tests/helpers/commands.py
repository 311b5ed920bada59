"""Real processes of the command line `soulsai`, none of which survives its test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psutil
from waiting import DEADLINE_S, wait_for

from soulsai_core import checkpoint
from soulsai_core.config import read_secret
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.transport import StreamLimits
from soulsai_core.transport.redis import connect

_MARK = "STACK_OF_TEST"
_HELPERS = Path(__file__).parent
_ROOT = _HELPERS.parents[1]

PACED = "environment.config.id=benchmarks.paced_cart_pole:CartPole500Hz-v0"
"""CartPole that leaves the processor to the tests."""
DQN = (
    "environment.config.id=CartPole-v1",
    "algorithm.config.hidden=[32]",
    "algorithm.config.learning_starts=200",
    "algorithm.config.buffer_size=5000",
    "training.checkpoint_every=10",
)
"""Small settings of the default algorithm."""
LINEAR = (
    PACED,
    "algorithm.name=linear_q",
    "algorithm.config.features=16",
    "algorithm.config.batches=1",
    "algorithm.config.warm_up=100",
    "algorithm.config.rows=16",
    "algorithm.config.memory=1000",  # it copies its memory with each message
    "training.checkpoint_every=30",
)
"""The core's example algorithm: its training node starts in a fifth of the time, because it needs no torch."""


class Command:
    """A running `python -m soulsai_core ...`, whose output goes to a file."""

    def __init__(self, arguments: Sequence[str], folder: Path, environ: dict[str, str], log: Path) -> None:
        self.arguments = arguments
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "soulsai_core", *arguments],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # signals of the terminal that runs the tests do not reach it
            )

    @property
    def output(self) -> str:
        """What it has printed up to now."""
        return self._log.read_text()

    def wait_for_output(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something that matches a regular expression."""

        def look() -> re.Match[str] | None:
            # In this order: what it prints last, before it ends, is found too.
            ended = self.process.poll() is not None
            match = re.search(pattern, self.output)
            assert match or not ended, f"{self.arguments} ended with {self.process.returncode}:\n{self.output}"
            return match

        match = wait_for(f"{pattern!r} from {self.arguments}", look)
        assert match is not None
        return match

    def assert_running(self) -> None:
        """Fail if it has ended."""
        code = self.process.poll()
        assert code is None, f"{self.arguments} ended with {code}:\n{self.output}"

    def wait_for_end(self, code: int = 0, timeout: float = DEADLINE_S) -> str:
        """Wait until it ends with this exit code and without a traceback. Returns all that it printed."""
        try:
            ended_with = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments} did not end in {timeout:g} s:\n{self.output}") from None
        assert ended_with == code, f"{self.arguments} ended with {ended_with}:\n{self.output}"
        assert "Traceback" not in self.output, self.output
        return self.output

    def interrupt(self) -> None:
        """As Ctrl-C in its terminal."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(DEADLINE_S)


class Stack:
    """Starts commands in `folder`, and finds all processes that came of them.

    Args:
        logs: folder of the commands' output.
    """

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        self._logs = logs
        self._mark = uuid.uuid4().hex
        self._commands: list[Command] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SOULSAI_")}
        # One thread for arithmetic: with two, small products take many times as long while other processes run.
        self.environ = {**inherited, _MARK: self._mark, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self.environ["SOULSAI_TELEMETRY__ENABLED"] = "false"  # telemetry has tests of its own
        self.add_to_path(_ROOT)  # for `benchmarks.paced_cart_pole`
        self.add_to_path(_HELPERS)  # for `hanging`

    def add_to_path(self, folder: Path) -> None:
        """Let the processes import from `folder` before anything else."""
        before = self.environ.get("PYTHONPATH")
        self.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), before]))

    def start(self, *arguments: str, settings: Sequence[str] = (), folder: Path | None = None) -> Command:
        """A command with `--set` for each setting. It runs until it ends itself or the test ends."""
        options = [part for setting in settings for part in ("--set", setting)]
        log = self._logs / f"command-{len(self._commands)}.log"
        self._commands.append(Command([*arguments, *options], folder or self.folder, self.environ, log))
        return self._commands[-1]

    def run(self, *arguments: str, settings: Sequence[str] = (), code: int = 0, folder: Path | None = None) -> str:
        """Run a command to its end, which has this exit code. Returns what it printed."""
        return self.start(*arguments, settings=settings, folder=folder).wait_for_end(code)

    def train(
        self, *arguments: str, steps: int = 10**9, settings: Sequence[str] = (), algorithm: Sequence[str] = LINEAR
    ) -> Command:
        """`soulsai train` with small settings of an algorithm, up to a number of environment steps."""
        return self.start("train", *arguments, settings=(*algorithm, f"training.stop.env_steps={steps}", *settings))

    def start_training(self, algorithm: Sequence[str] = LINEAR) -> Command:
        """A training that has made some iterations and goes on until it is stopped."""
        command = self.train("--seed", "3", algorithm=algorithm)

        def iterates() -> bool:
            command.assert_running()
            status = self.status()
            return status is not None and status.iteration > 5

        wait_for("some iterations", iterates)
        return command

    @property
    def run_folder(self) -> Path:
        """The folder of the only run."""
        [folder] = [path for path in (self.folder / "saves").iterdir() if path.is_dir()]
        return folder

    def status(self, address: str | None = None) -> NodeStatus | None:
        """The training node's last status; None if there is no node, or if it has not reported yet."""
        noted = list(self.folder.glob("saves/*/address"))
        if address is None and not noted:
            return None
        password = read_secret(self.folder / "redis.secret")
        transport = connect(address or noted[0].read_text(), "main", password=password, limits=StreamLimits())
        try:
            found = transport.read_status()
        finally:
            transport.close()
        return msgspec.json.decode(found[1], type=NodeStatus) if found else None

    def counters(self) -> dict[str, Any]:
        """`iteration`, `env_steps` and `elapsed` of the newest checkpoint."""
        counters: dict[str, Any] = checkpoint.read(self.run_folder / "checkpoint")[1]
        return counters

    def processes(self, *words: str) -> list[psutil.Process]:
        """Running processes of this stack, those with all `words` in their command lines."""
        found = []
        for process in psutil.process_iter():
            try:
                line = process.cmdline()
                ours = process.environ().get(_MARK) == self._mark
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if ours and all(any(word in part for part in line) for word in words):
                found.append(process)
        return found

    def wait_until_gone(self) -> None:
        """Wait until no process is left."""
        wait_for("all processes to be gone", lambda: not self.processes())

    def close(self) -> None:
        """End all processes at once."""
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        for command in self._commands:
            command.process.wait(DEADLINE_S)


def add_entry_point(site: Path, distribution: str, name: str, target: str) -> None:
    """Make `site` a folder in which a distribution with one algorithm plugin is installed."""
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[soulsai.algorithms]\n{name} = {target}\n")
