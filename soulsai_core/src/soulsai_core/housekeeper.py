"""What the training node does beside learning: it hears commands, episodes and heartbeats, and says how it is."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.episode_log import EpisodeLog
from soulsai_core.messages import ClientInfo, Command, Episode, NodeStatus
from soulsai_core.roster import Roster, RosterChange
from soulsai_core.supervised import SupervisedLoop

log = logging.getLogger(__name__)

_INTERVAL = 0.25
_EPISODES = 1000


class Housekeeper:
    """Looks after everything around the loop, in a thread of its own, several times a second.

    Args:
        announcement: what clients read before they start; written again if the server has forgotten it.
        on_command, on_roster, on_episodes: told what was heard; on_episodes after it was written to the log.
        env_steps: environment steps admitted so far, noted with each episode.
        status: the node's status, asked for at each round.
        forgotten: called if the server had lost its memory.
    """

    def __init__(
        self,
        transport: Transport,
        announcement: bytes,
        roster: Roster,
        episodes: EpisodeLog,
        rng: random.Random,
        *,
        on_command: Callable[[Command], None],
        on_roster: Callable[[RosterChange], None],
        on_episodes: Callable[[list[Episode]], None],
        env_steps: Callable[[], int],
        status: Callable[[int], NodeStatus],
        forgotten: Callable[[], None],
    ) -> None:
        self.roster = roster
        self.episodes = episodes
        self.garbled = 0
        self._transport = transport
        self._announcement = announcement
        self._on_command = on_command
        self._on_roster = on_roster
        self._on_episodes = on_episodes
        self._env_steps = env_steps
        self._status = status
        self._forgotten = forgotten
        self._loop = SupervisedLoop("housekeeper", self._step, rng)

    def start(self) -> None:
        """Start looking after things."""
        self._loop.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._loop.failure is not None:
            raise self._loop.failure

    def close(self) -> None:
        """Stop, after one last look."""
        self._loop.stop()
        self._loop.join(_INTERVAL + 2.0)
        self._hear_episodes()
        self._transport.write_status(msgspec.json.encode(self._status(self._transport.backlog())))

    def _step(self) -> None:
        for payload in self._transport.read_commands(_INTERVAL):
            self._hear_command(payload)
        if self._transport.read_config() is None:
            self._transport.announce(self._announcement)
            self._forgotten()
        self._hear_heartbeats()
        self._hear_episodes()
        self._transport.write_status(msgspec.json.encode(self._status(self._transport.backlog())))

    def _hear_command(self, payload: bytes) -> None:
        try:
            command = msgspec.json.decode(payload, type=Command)
        except msgspec.DecodeError as error:
            log.warning("A command could not be read and was left out: %s", error)
            return
        self._on_command(command)

    def _hear_heartbeats(self) -> None:
        seen: dict[str, tuple[float, ClientInfo]] = {}
        for client, (age, payload) in self._transport.roster().items():
            try:
                seen[client] = (age, msgspec.json.decode(payload, type=ClientInfo))
            except msgspec.DecodeError:
                seen[client] = (age, ClientInfo(client, "?"))
        change = self.roster.look(seen)
        for client in seen.keys() - self.roster.present.keys():
            self._transport.remove_client(client)
        if change:
            self._on_roster(change)

    def _hear_episodes(self) -> None:
        while entries := self._transport.read_episodes(self.episodes.cursor, _EPISODES, 0):
            heard: list[tuple[str, Episode]] = []
            for entry in entries:
                try:
                    heard.append((entry.id, msgspec.json.decode(entry.payload, type=Episode)))
                except msgspec.DecodeError:
                    self.garbled += 1
            fresh = self.episodes.append(heard, self._env_steps(), read_to=entries[-1].id)
            if fresh:
                self._on_episodes(fresh)
            if len(entries) < _EPISODES:
                return
