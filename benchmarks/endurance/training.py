"""A training as people host it, on one machine: Redis that keeps a file, the training node, telemetry and clients."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.endurance import counts
from benchmarks.endurance.returns import SETTINGS, final_return, history
from benchmarks.endurance.services import Service, Services, module
from soulsai_core import checkpoint
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.cli.runs import resumable_under
from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import episode_number
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.run_folder import RunFolder
from soulsai_core.transport.embedded import find_server


@dataclass(slots=True)
class Result:
    """What is left of a training at its end.

    Attributes:
        played, sent, reached: steps of all clients, rows that were sent, and rows that surely reached the server: it
            may take some that it is killed before it confirms.
        learned: environment steps in the last checkpoint.
        ended, reported: episodes that ended, and those whose reports surely reached the server.
        kept: episodes in the history.
        repeated, missing: episodes that are in the history twice, or of which a later one of the client is there.
        stale: rows that were rejected since the node's last start, by reason.
        orphans: command lines of processes that are left.
        tracebacks: services with a traceback in their log.
        final_return: mean return of the episodes of training in the last tenth of all steps.
        starts: service -> starts.
    """

    played: int
    sent: int
    reached: int
    learned: int
    ended: int
    reported: int
    kept: int
    repeated: int
    missing: int
    rejected: dict[str, int]
    orphans: list[str]
    tracebacks: list[str]
    final_return: float = 0.0
    starts: dict[str, int] = field(default_factory=dict)

    @property
    def no_step_twice(self) -> bool:
        """Whether no more was learned than sent, and no more sent than played."""
        return self.learned <= self.sent <= self.played

    @property
    def each_episode_once(self) -> bool:
        """Whether the history has each episode whose report reached the server, and each once."""
        return (self.repeated, self.missing) == (0, 0) and self.reported <= self.kept <= self.ended

    @property
    def learned_of_reached(self) -> float:
        """Percent of the rows that surely reached the server."""
        return 100 * self.learned / max(self.reached, 1)

    @property
    def learned_of_played(self) -> float:
        """Percent of the steps that were played."""
        return 100 * self.learned / max(self.played, 1)


class Training:
    """The services of one training, and what they leave.

    Args:
        folder: empty.
        remembers: the server writes a file, synced each second; False: it keeps nothing, as the embedded one.
        port: of the server; None: a free one.
        link: (port, number of clients) for clients that connect there, to a proxy. The others connect to the server.
    """

    def __init__(
        self,
        folder: Path,
        *,
        algorithm: str,
        environment: str,
        clients: int,
        hertz: int = 100,
        remembers: bool = True,
        settings: Sequence[str] = (),
        telemetry: bool = True,
        port: int | None = None,
        link: tuple[int, int] = (0, 0),
    ) -> None:
        self.port = port or free_port()
        self.folder = folder
        self._remembers = remembers
        self._counts = folder / "counts"
        self._counts.mkdir()
        (folder / "redis").mkdir()
        self._services = Services(folder, {counts.FOLDER: str(self._counts)})
        options = [
            f"environment.config.id=benchmarks.endurance.played:Played{environment}{hertz}Hz-v0",
            *SETTINGS[algorithm],
            f"run.saves={folder / 'saves'}",
            f"redis.address={self.address}",
            f"redis.secret_file={folder / 'none.secret'}",
            f"telemetry.config.page.port={free_port()}",
            *settings,
        ]
        self._options = [word for option in options for word in ("--set", option)]
        self._services.add("redis", self._redis)
        self._services.add("node", self._node)
        if telemetry:
            self._services.add("telemetry", lambda: module("soulsai_core", "telemetry", *self._options))
        for number in range(clients):
            at = link[0] if number < link[1] else self.port
            self._services.add(f"client-{number + 1}", partial(self._client, at))

    @property
    def address(self) -> str:
        """Of the server."""
        return f"127.0.0.1:{self.port}"

    @property
    def services(self) -> dict[str, Service]:
        """By name."""
        return self._services.services

    @property
    def clients(self) -> list[Service]:
        """The clients among them."""
        return [service for name, service in self.services.items() if name.startswith("client-")]

    def start(self) -> None:
        """Start everything at once: each waits for what it needs."""
        for service in self.services.values():
            service.start()

    def status(self) -> NodeStatus | None:
        """The node's last status, None if there is none or no server answers."""
        try:
            transport = connect_to(self.address, "main", None)
        except SoulsAIError:
            return None
        try:
            found = transport.read_status()
        except SoulsAIError:
            return None
        finally:
            transport.close()
        return msgspec.json.decode(found[1], type=NodeStatus) if found else None

    def finish(self, patience: float = 60.0) -> Result:
        """Stop the clients, let the node take in what waits, stop the rest, and count."""
        for client in self.clients:
            client.terminate()
        stuck = [client.name for client in self.clients if not client.wait(patience)]
        self._wait_until_taken_in(patience)
        rejected: Counter[str] = Counter()
        status = self.status()
        if status is not None:
            rejected.update(status.rejected)
        for name in ("node", "telemetry", "redis"):
            if name in self.services:
                self.services[name].terminate()
                if not self.services[name].wait(patience):
                    stuck.append(name)
        return self._result(rejected, stuck)

    def copy_logs(self, target: str) -> None:
        """Copy the services' logs and the history into a folder."""
        Path(target).mkdir(parents=True, exist_ok=True)
        for path in [*self.folder.glob("*.log"), *self.folder.glob("saves/*/episodes*.jsonl")]:
            shutil.copy(path, target)

    def close(self) -> None:
        """Kill what is left."""
        self._services.close()

    def _wait_until_taken_in(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        steps = -1
        while time.monotonic() < deadline:
            status = self.status()
            if status is not None and status.backlog == 0 and status.env_steps == steps:
                return
            steps = -1 if status is None else status.env_steps
            time.sleep(1.0)

    def _result(self, rejected: dict[str, int], stuck: list[str]) -> Result:
        sums = counts.total(self._counts)
        # A node that forgot its run has begun another one: what is in the older folders was not kept.
        run = max(path for path in (self.folder / "saves").iterdir() if path.is_dir())
        learned = checkpoint.read(RunFolder(run).checkpoint)[1]["env_steps"]
        numbers = self._episodes(run)
        kept = sum(map(len, numbers.values()))
        once = sum(len(set(found)) for found in numbers.values())
        return Result(
            sums.played, sums.sent, sums.reached, learned, sums.ended, sums.reported, kept, kept - once,
            sum(max(found) - len(set(found)) for found in numbers.values()), dict(rejected),
            [*self._services.orphans(), *stuck],
            [name for name, service in self.services.items() if "Traceback" in service.log()],
            final_return(run),
            {name: service.starts for name, service in self.services.items()},
        )  # fmt: skip

    def _episodes(self, run: Path) -> dict[str, list[int]]:
        """client -> numbers of its episodes in the history."""
        found: dict[str, list[int]] = {}
        for row in history(run):
            found.setdefault(row["client"], []).append(episode_number(row["id"]))
        return found

    # -- command lines

    def _redis(self) -> list[str]:
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder / "redis", "save": ""}
        options |= {"appendonly": "yes" if self._remembers else "no", "appendfsync": "everysec"}
        return [str(find_server()), *(str(word) for name, value in options.items() for word in (f"--{name}", value))]

    def _node(self) -> list[str]:
        resume = ["--resume"] if resumable_under(self.folder / "saves") else []
        return module("soulsai_core", "training-node", *resume, *self._options)

    def _client(self, port: int) -> list[str]:
        options = ["--redis-address", f"127.0.0.1:{port}", "--run", "main", "--wait", "inf"]
        return module("benchmarks.endurance.counted_client", *options)


@contextmanager
def training(**options: object) -> Iterator[Training]:
    """A training in a temporary folder. Nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="endurance-") as folder:
        made = Training(Path(folder), **options)  # type: ignore[arg-type]
        try:
            yield made
        finally:
            made.close()


def free_port() -> int:
    """A TCP port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
