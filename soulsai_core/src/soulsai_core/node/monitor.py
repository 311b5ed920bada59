"""What the training node does beside learning: it hears commands, episodes and heartbeats, and says how it is."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.messages import Announcement, ClientInfo, Command, Episode, NodeStatus
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.roster import Roster
from soulsai_core.observers import Observers
from soulsai_core.threads import Supervised, SupervisedLoop

log = logging.getLogger(__name__)

_INTERVAL = 0.25
_EPISODES = 1000
_REQUESTS = frozenset({"quicksave", "save_best"})


@dataclass(frozen=True, slots=True)
class MonitorCallbacks:
    """The monitor's line to the node. All are called in the monitor's thread.

    Attributes:
        command: a command was heard.
        clients: the clients that are there have changed.
        forgotten: the server had lost its memory; the model is to be published again.
        env_steps: environment steps admitted so far.
        status: the node's status, given the number of messages waiting in the server.
        overdue: it is time to say which call of a plugin takes long.
    """

    command: Callable[[Command], None]
    clients: Callable[[frozenset[str]], None]
    forgotten: Callable[[], None]
    env_steps: Callable[[], int]
    status: Callable[[int], NodeStatus]
    overdue: Callable[[], object]


class Monitor(Supervised):
    """Looks after everything around the loop, in a thread of its own, several times a second.

    Args:
        announcement: what clients read before they start; written again if the server has forgotten it.
    """

    def __init__(
        self,
        transport: Transport,
        announcement: Announcement,
        roster: Roster,
        episodes: EpisodeLog,
        observers: Observers,
        metrics: NodeMetrics,
        line: MonitorCallbacks,
        rng: random.Random,
    ) -> None:
        self.roster = roster
        self._transport = transport
        self._announcement = msgspec.json.encode(announcement)
        self._run_id = announcement.run_id
        self._episodes = episodes
        self._observers = observers
        self._metrics = metrics
        self._line = line
        self._complained = False
        self._unfit: frozenset[str] = frozenset()
        self._loop = SupervisedLoop("monitor", self._step, rng)

    def close(self) -> None:
        """Stop, after one last look."""
        self.stop()
        self._loop.join(_INTERVAL + 2.0)
        self._hear_episodes()
        self._write_status()

    def _step(self) -> None:
        self._line.overdue()  # first, and so also while the server is away
        for payload in self._transport.read_commands(_INTERVAL):
            self._hear_command(payload)
        for payload in self._transport.read_requests():
            self._hear_command(payload, _REQUESTS)
        if self._transport.read_config() is None:
            self._transport.announce(self._announcement)
            self._line.forgotten()
        self._hear_heartbeats()
        self._hear_episodes()
        self._write_status()

    def _write_status(self) -> None:
        backlog = self._transport.backlog()
        self._metrics.backlog.set(backlog)
        self._transport.write_status(msgspec.json.encode(self._line.status(backlog)))

    def _hear_command(self, payload: bytes, allowed: frozenset[str] | None = None) -> None:
        try:
            command = msgspec.json.decode(payload, type=Command)
        except msgspec.DecodeError as error:
            log.warning("A command could not be read and was left out: %s", error)
            return
        if allowed is None or command.name in allowed:
            self._line.command(command)
        else:
            log.warning("A request for %.40r was left out: only saves may be asked for.", command.name)

    def _hear_heartbeats(self) -> None:
        seen = {client: (age, _info(client, info)) for client, (age, info) in self._transport.roster().items()}
        change = self.roster.look(seen)
        self._tell_of_unfit_rows()
        present = frozenset(self.roster.present)
        for client in seen.keys() - present:
            self._transport.remove_client(client)
        if not change:
            return
        self._metrics.clients.set(len(present))
        for info in change.joined:
            self._observers.emit("client_joined", client=info)
        for info in change.lost:
            self._metrics.forget_client(info.id)
            self._observers.emit("client_lost", client=info)
        self._line.clients(present)

    def _tell_of_unfit_rows(self) -> None:
        """Once for each client: its rows are not learned from, and only its own log says why."""
        unfit = {name: info for name, info in self.roster.present.items() if info.left_out}
        for name in unfit.keys() - self._unfit:
            log.warning(
                "The client %.100r leaves out rows: %.300r. Where neither environment nor algorithm gives bounds, they "
                "are those of training.max_abs_value.",
                name, unfit[name].unfit,
            )  # fmt: skip
        self._unfit = frozenset(unfit)

    def _hear_episodes(self) -> None:
        while entries := self._transport.read_episodes(self._episodes.cursor, _EPISODES, 0):
            heard = [(entry.id, episode) for entry in entries if (episode := self._episode(entry.payload)) is not None]
            try:
                fresh = self._episodes.append(heard, self._line.env_steps(), read_to=entries[-1].id)
            except OSError as error:
                self._complain(error)
                return
            self._complained = False
            self._tell(fresh)

    def _episode(self, payload: bytes) -> Episode | None:
        """The report, None if it is another training's or cannot be read."""
        try:
            episode = msgspec.json.decode(payload, type=Episode)
        except msgspec.DecodeError as error:
            log.warning("An episode could not be read and was left out: %s", error)
            return None
        return episode if episode.run_id in ("", self._run_id) else None

    def _complain(self, error: OSError) -> None:
        """Once for each time that the disk does not take it; the server keeps the reports meanwhile."""
        if not self._complained:
            log.error("Episodes cannot be written: %s. Trying again until they can.", error)
        self._complained = True

    def _tell(self, episodes: list[Episode]) -> None:
        self._metrics.episodes.inc(len(episodes))
        if self._episodes.mean_return is not None:
            self._metrics.episode_return.set(self._episodes.mean_return)
        for episode in episodes:
            self._observers.emit("episode_finished", episode=episode)


def _info(client: str, payload: bytes) -> ClientInfo:
    try:
        info = msgspec.json.decode(payload, type=ClientInfo)
    except msgspec.DecodeError:
        return ClientInfo(client, "?")
    return info if info.id == client else ClientInfo(client, "?")
