"""A week of steps, episodes and clients at full speed through node and telemetry: does anything grow without end?

Eight clients of 10 steps/s play for a week: 48 million steps, a quarter of a million episodes. Each is replaced by
another one every eight hours. They are played by this program, which sends what they would send as fast as the node
takes it in; server, node, telemetry and page are the real ones. The node makes few updates, so that the rest is
measured. The last quarter of the week is compared with the one before it: in the first half buffers fill, last of all
that of 100,000 episodes in the server. What journal and checkpoint take of the disk is compared with what the node
said at its start.
"""

from __future__ import annotations

import argparse
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import mean, median

import msgspec
import psutil

from benchmarks.common import Row, read_status, run_alone, say, wait_until
from benchmarks.endurance.training import Training, training
from benchmarks.ingest import Messages
from soulsai_core import Announcement, ClientInfo, Episode
from soulsai_core.assembly.connecting import connect_to
from soulsai_core.errors import TransportError
from soulsai_core.steps import ITERATION
from soulsai_core.transport.redis import RedisTransport
from soulsai_core.wire import encode_steps

COMMAND = "python -m benchmarks.endurance.week"
CLIENTS = 8
STEPS_PER_DAY = 10 * 86_400
LIFE = STEPS_PER_DAY // 3
"""Steps of one client before another one takes its place."""
ROWS, MESSAGES, EPISODE = 128, 16, 200
SAMPLES = 40
SETTINGS = (
    "algorithm.config.update_every=1024",
    "algorithm.config.replay_ratio=0.001",
    "algorithm.config.max_staleness=1000",
)


@dataclass(slots=True)
class Process:
    """What is measured of one process, as often as SAMPLES says."""

    process: psutil.Process
    memory: list[float] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def measure(self) -> None:
        """Once: MB, file handles and threads."""
        self.memory.append(self.process.memory_info().rss / 2**20)
        self.handles.append(self.process.num_fds())
        self.threads.append(self.process.num_threads())


@dataclass(slots=True)
class Player:
    """One client, as far as the server sees it."""

    name: str
    messages: int = 0
    episodes: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=float, default=7.0)


def measure(args: argparse.Namespace) -> list[Row]:
    with training(algorithm="dqn", environment="LunarLander", hertz=10, clients=0, settings=SETTINGS) as run:
        run.start()
        wait_until(lambda: run.status() is not None, 120.0, 0.5)
        transport = connect_to(run.address, "main", None)
        try:
            return _play(args, run, transport)
        finally:
            transport.close()


def _play(args: argparse.Namespace, run: Training, transport: RedisTransport) -> list[Row]:
    payload = transport.read_config()
    assert payload is not None
    announced = msgspec.json.decode(payload, type=Announcement)
    source = Messages(announced.spec, ROWS)
    processes = {name: Process(psutil.Process(run.services[name].pid)) for name in ("node", "telemetry", "redis")}
    rounds = int(args.days * STEPS_PER_DAY) // (ROWS * MESSAGES)
    players = [Player(f"pc-{number}") for number in range(CLIENTS)]
    made = CLIENTS
    disk: list[float] = []
    begun = time.monotonic()
    for number in range(rounds):
        for index, player in enumerate(players):
            # Not all at once, as people do not.
            if player.messages * ROWS >= LIFE * (1 + (index + 1) / CLIENTS if made < 2 * CLIENTS else 1):
                _beat(transport, player, leaving=True)
                players[index] = player = Player(f"pc-{made}")
                made += 1
            _send(transport, announced.run_id, player, source, _wait_for_room(transport))
        if (number + 1) * SAMPLES // rounds > number * SAMPLES // rounds:
            for process in processes.values():
                process.measure()
            disk.append(_on_disk(run))
            done = 100 * (number + 1) / rounds
            say(f"{done:3.0f} %: " + ", ".join(f"{name} {one.memory[-1]:.0f} MB" for name, one in processes.items()))
    seconds = time.monotonic() - begun
    result = run.finish()
    note = f"{result.learned:,} steps, {result.kept:,} episodes kept, {made} clients, {seconds:.0f} s"
    command = f"{COMMAND} --days {args.days:g}"
    rows = [Row("a week of events: repeated or missing episodes", result.repeated, 0, "", command, True, note)]
    rows.append(Row("journal and checkpoint on the disk, at most", max(disk), _estimated(run), "MB", command, True))
    for name, process in processes.items():
        rows += _rows(name, process, command)
    return rows


def _wait_for_room(transport: RedisTransport) -> int:
    """The newest iteration, once the node has taken in most of what waits."""
    while transport.backlog() > 2000:
        time.sleep(0.05)
    return read_status(transport).iteration


def _send(transport: RedisTransport, run_id: str, player: Player, source: Messages, iteration: int) -> None:
    payloads = []
    for _ in range(MESSAGES):
        steps = source.batch(player.messages)
        steps.segments[:, ITERATION] = iteration
        player.messages += 1
        payloads.append(encode_steps(run_id, player.name, player.messages, steps))
    try:
        transport.push_samples(payloads)
        while player.episodes < player.messages * ROWS // EPISODE:
            player.episodes += 1
            name = f"{player.name}-{player.episodes}"
            episode = Episode(name, player.name, 1.0, EPISODE, iteration, 20.0, run_id=run_id)
            transport.push_episodes([msgspec.json.encode(episode)])
        _beat(transport, player)
    except TransportError as error:
        raise SystemExit(f"The server is full: {error}") from error


def _beat(transport: RedisTransport, player: Player, *, leaving: bool = False) -> None:
    steps = player.messages * ROWS
    info = ClientInfo(player.name, "host", env_steps=steps, episodes=player.episodes, leaving=leaving)
    transport.heartbeat(player.name, msgspec.json.encode(info))


def _rows(name: str, process: Process, command: str) -> list[Row]:
    before = slice(SAMPLES // 2, SAMPLES * 3 // 4)
    last = slice(SAMPLES * 3 // 4, SAMPLES)
    first, second = mean(process.memory[before]), mean(process.memory[last])
    # The median: the server opens files for a moment when it writes its own anew.
    handles = median(process.handles[last]) - median(process.handles[before])
    threads = median(process.threads[last]) - median(process.threads[before])
    note = f"{first:.0f} and {second:.0f} MB"
    return [
        Row(f"{name}: memory of the last quarter, more than of the one before", 100 * (second / first - 1), 2, "%",
            command, True, note),
        Row(f"{name}: more file handles and threads", max(handles, 0) + max(threads, 0), 0, "", command, True,
            f"{max(process.handles)} and {max(process.threads)} at most"),
    ]  # fmt: skip


def _on_disk(run: Training) -> float:
    """MB of journal and checkpoint; rows that lie in both, as links, count once."""
    found = {}
    for path in [*run.folder.glob("saves/*/journal/*"), *run.folder.glob("saves/*/checkpoint/**/*")]:
        with suppress(FileNotFoundError):  # removed meanwhile
            found[path.stat().st_ino] = path.stat().st_size
    return sum(found.values()) / 2**20


def _estimated(run: Training) -> float | None:
    """MB that the node said at its start, None if it said GB."""
    said = re.search(r"the journal (\d+) MB on the disk", run.services["node"].log())
    return float(said.group(1)) if said else None


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
