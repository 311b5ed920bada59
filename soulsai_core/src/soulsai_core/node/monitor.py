"""The training node's work around the loop: commands, heartbeats, episodes and the status."""

from __future__ import annotations

import logging
import math
import queue
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import (
    MAX_NUMBER,
    UNREADABLE,
    ClientInfo,
    Command,
    Episode,
    is_plain,
    plain,
    without_huge_numbers,
)
from soulsai_core.node.changes import SettingChanges
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.health.health_log import HealthLog
from soulsai_core.node.health.judging import judge
from soulsai_core.node.health.problems import Problems
from soulsai_core.node.lease import Lease
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.publishing import PublishingThread
from soulsai_core.node.requests import Request, RequestQueue
from soulsai_core.node.roster import Roster
from soulsai_core.node.state import RunState
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.node.status.report import StatusReport
from soulsai_core.run_folder import RunFolder, replace_bytes
from soulsai_core.threads import BackgroundWorker, RetryingThread

log = logging.getLogger(__name__)

_INTERVAL = 0.25
"""Seconds that the monitor waits for commands before it does the rest."""

_LAST_INTERVAL = 0.02
"""The same once the training ends: the last checkpoint waits until the monitor has seen that the clients have left."""

_LEAVING = 1.0
"""Seconds in which clients that were told of the end may leave: only then all that they have counted is known."""

_PAUSE = 0.02
"""Seconds between two looks whether they have left."""

_EPISODES = 1000
"""Episodes that are read from the server at a time."""

_FILE_INTERVAL = 5.0
"""Seconds between two statuses that are kept in the run's folder."""

_MAX_REQUEST = 2**15
"""Bytes of a request. One for 20 settings has a few thousand."""

_MAX_NAME = 128
_MAX_SENTENCE = 300
_MAX_VERSION = 30
"""Characters of a name, and of a sentence about a client's problem. Longer names are left out, sentences are cut."""


@dataclass(frozen=True, slots=True)
class ClientsChanged:
    """Clients joined or were lost; these are present."""

    present: frozenset[str]


@dataclass(frozen=True, slots=True)
class ServerReset:
    """The server had lost its memory, and with it the messages that were on their way."""


@dataclass(frozen=True, slots=True)
class ServerBack:
    """The server was away, and is back."""


Event = Command | Request | ClientsChanged | ServerBack | ServerReset
"""What the monitor found that concerns the loop."""


class Monitor(BackgroundWorker):
    """Does everything that is not learning, several times a second in a thread of its own.

    Args:
        lease: of the run; renewed in each step.
        changes: what clients read before they start, with all changes; written again if the server has lost it.
        publishing_thread: publishes the model again if the server has lost it.
        events: are put here for the loop.
        folder: of the run, in which the last status is kept.
        problems: takes what cannot be done for now.
        look_for: name of a problem -> called in each step; returns a sentence about it, "" if there is none now.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        lease: Lease,
        changes: SettingChanges,
        state: RunState,
        roster: Roster,
        episodes: EpisodeLog,
        evaluations: Evaluations,
        report: StatusReport,
        publishing_thread: PublishingThread,
        observers: Observers,
        metrics: NodeMetrics,
        events: queue.SimpleQueue[Event],
        folder: RunFolder,
        problems: Problems,
        look_for: Mapping[str, Callable[[], str]],
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._transport = transport
        self._lease = lease
        self._changes = changes
        self._run_id = changes.announcement.run_id
        self._state = state
        self._roster = roster
        self._episodes = episodes
        self._evaluations = evaluations
        self._report = report
        self._publishing_thread = publishing_thread
        self._observers = observers
        self._metrics = metrics
        self._events = events
        self._folder = folder
        self._problems = problems
        self._look_for = look_for
        self._clock = clock
        self._health_log = HealthLog()
        self._next_file = clock()
        self._requests = RequestQueue(clock)
        self._disk_failed = False
        self._gone_at = clock() + roster.timeout
        self._outage_until = -math.inf  # until then clients may not have sent a heartbeat since the outage
        self._leaving_out: frozenset[str] = frozenset()
        self._stopped = threading.Event()
        self._thread = RetryingThread("monitor", self._step, rng, on_loss=self._await_heartbeats)

    def prepare(self) -> None:
        if self._transport.read_config() is None:
            self._episodes.read_from_the_first()

    def stop(self) -> None:
        super().stop()
        self._stopped.set()

    def close(self) -> None:
        """Stop, read what the clients report last, write the last status, and release the lease."""
        self.stop()
        self._thread.join(_INTERVAL + 2.0)
        if not self._state.replaced:
            try:
                self._await_last_heartbeats()
                self._read_episodes()
                self._write_status(ended=True)
                self._lease.release()
            finally:
                # Without a server the folder alone tells how the run ended.
                self._keep_status(self._report.update(0, ended=True))

    def _await_last_heartbeats(self) -> None:
        never = threading.Event()  # nothing is left that could wake this thread
        self._read_heartbeats()
        for _ in range(round(_LEAVING / _PAUSE)):
            if not self._roster.present:
                return
            never.wait(_PAUSE)
            self._read_heartbeats()

    def _step(self) -> None:
        # First, so that it is done while the server is away, too.
        for name, look in self._look_for.items():
            self._problems.note(name, look())
        if not self._lease.renew():
            self._publishing_thread.abandon()
            self._stopped.wait(_INTERVAL)
            return
        self._changes.announce_changes()  # those that could not be announced while the server was away
        for payload in self._transport.read_commands(_INTERVAL if self._state.stop_reason is None else _LAST_INTERVAL):
            self._take_command(payload)
        for payload in self._transport.read_requests():
            self._take_request(payload)
        for request in self._requests.due():
            self._events.put(request)
        if self._transport.read_config() is None:
            self._restore_server()
        self._read_heartbeats()
        self._read_episodes()
        self._write_status()

    def _restore_server(self) -> None:
        self._await_heartbeats()
        self._episodes.read_from_the_first()
        self._transport.announce(msgspec.json.encode(self._changes.announcement))
        # Not through the loop: an update may take long, and clients wait for a model meanwhile.
        self._publishing_thread.republish()
        self._events.put(ServerReset())

    def _write_status(self, *, ended: bool = False) -> None:
        backlog = self._transport.backlog()
        self._metrics.backlog.set(backlog)
        status = self._report.update(backlog, ended=ended)
        self._transport.write_status(msgspec.json.encode(status))
        now = self._clock()
        health = judge(status, age=0.0, now=now)
        self._metrics.judged(health)
        self._health_log.note(health, now)
        if now >= self._next_file:
            self._next_file = now + _FILE_INTERVAL
            self._keep_status(status)

    def _keep_status(self, status: NodeStatus) -> None:
        """Keep the status in the run's folder, for those who look at it when node or server are gone."""
        try:
            replace_bytes(self._folder.status, msgspec.json.encode(status))
            self._problems.note("status_file", None)
        except OSError as error:
            self._problems.note("status_file", f"The status cannot be written into the run's folder: {error}.")

    # -- commands

    def _take_command(self, payload: bytes) -> None:
        command = _command(payload)
        if command is not None:
            self._events.put(command)

    def _take_request(self, payload: bytes) -> None:
        if len(payload) > _MAX_REQUEST:
            log.warning("A request was left out: it has %s bytes, and %s at most are read.", len(payload), _MAX_REQUEST)
            return
        command = _command(payload)
        if command is not None and not self._requests.add(command):
            log.warning("A request for %.40r was left out: it may not be asked for, or too many wait.", command.name)

    # -- clients

    def _read_heartbeats(self) -> None:
        roster = self._transport.roster()
        for client in [client for client in roster if not is_plain(client, _MAX_NAME)]:
            self._transport.remove_client(client)
            del roster[client]
        seen = {client: (age, _info(client, info)) for client, (age, info) in roster.items()}
        now = self._clock()
        if self._outage_until == math.inf:
            self._outage_until = now + self._roster.timeout
        change = self._roster.update(seen, heartbeats_are_missing=now < self._outage_until)
        self._warn_of_rows_left_out(change.lost)
        present = frozenset(self._roster.present)
        for client in seen.keys() - present:
            self._transport.remove_client(client)
        if not change and now < self._gone_at:
            return
        # Once without a change: a learner that was resumed may still count on clients that are gone.
        self._gone_at = math.inf
        self._metrics.clients.set(len(present))
        for info in change.joined:
            self._observers.emit("client_joined", client=info)
        for info in change.lost:
            self._metrics.forget_client(info.id)
            self._report.client_lost(info)
            self._observers.emit("client_lost", client=info)
        self._events.put(ClientsChanged(present))

    def _await_heartbeats(self) -> None:
        """The server is away or has lost its memory. Once it is back, clients have the usual time to be heard again."""
        self._outage_until = math.inf

    def _warn_of_rows_left_out(self, lost: Sequence[ClientInfo]) -> None:
        """Warn once for each client, also of one that has just left: it sends nothing of these rows, so that only its
        own log would say why."""
        known = [*self._roster.present.values(), *lost]
        leaving_out = {info.id: info for info in known if info.unfit or info.left_out}
        for name in leaving_out.keys() - self._leaving_out:
            log.warning(
                "The client %.100r leaves out rows: %.300r. Where neither environment nor algorithm gives bounds, they "
                "are those of training.max_abs_value.",
                name, leaving_out[name].unfit,
            )  # fmt: skip
        self._leaving_out = frozenset(leaving_out.keys() & self._roster.present.keys())

    # -- episodes

    def _read_episodes(self) -> None:
        while entries := self._transport.read_episodes(self._episodes.cursor, _EPISODES, 0):
            read = [(entry.id, episode) for entry in entries if (episode := self._episode(entry.payload)) is not None]
            try:
                new = self._episodes.append(read, self._state.env_steps, read_to=entries[-1].id)
            except OSError as error:
                # The server keeps the episodes meanwhile, and they are read again in the next step.
                self._log_disk_failure(error)
                return
            self._disk_failed = False
            self._problems.note("disk", None)
            self._report_episodes(new)

    def _episode(self, payload: bytes) -> Episode | None:
        """The episode, None if it cannot be read or belongs to another training."""
        try:
            episode = msgspec.json.decode(payload, type=Episode)
        except UNREADABLE as error:
            log.warning("An episode could not be read and was left out: %s", error)
            return None
        # The mean return is shown, published and a goal: no report may make it infinite.
        if episode.run_id not in ("", self._run_id) or not abs(episode.total_reward) <= MAX_NUMBER:
            return None
        if not (is_plain(episode.client, _MAX_NAME) and is_plain(episode.id, 2 * _MAX_NAME)):
            return None
        named = {name: value for name, value in episode.metrics.items() if is_plain(name, _MAX_NAME)}
        return msgspec.structs.replace(episode, metrics=without_huge_numbers(named))

    def _log_disk_failure(self, error: OSError) -> None:
        """Log the first failure after a success, since there are several attempts a second."""
        if not self._disk_failed:
            log.error("Episodes cannot be written: %s. Trying again until they can.", error)
        self._disk_failed = True
        self._problems.note("disk", f"Episodes cannot be written: {error}.")

    def _report_episodes(self, episodes: list[Episode]) -> None:
        self._metrics.episodes.inc(len(episodes))
        if self._episodes.mean_return is not None:
            self._metrics.episode_return.set(self._episodes.mean_return)
        for episode in episodes:
            self._evaluations.report(episode)
            self._observers.emit("episode_finished", episode=episode)


def _command(payload: bytes) -> Command | None:
    try:
        return msgspec.json.decode(payload, type=Command)
    except UNREADABLE as error:
        log.warning("A command could not be read and was left out: %s", error)
        return None


def _info(client: str, payload: bytes) -> ClientInfo:
    """What a client says of itself. One whose info cannot be read, or names another client, has no host. Its texts are
    shown to people, in terminals too."""
    try:
        info = msgspec.json.decode(payload, type=ClientInfo)
    except UNREADABLE:
        return ClientInfo(client, "?")
    if info.id != client:
        return ClientInfo(client, "?")
    texts = {"host": plain(info.host, _MAX_NAME), "problem": plain(info.problem, _MAX_SENTENCE)}
    texts["version"] = plain(info.version, _MAX_VERSION)
    return msgspec.structs.replace(info, **texts, unfit=plain(info.unfit, _MAX_SENTENCE))
