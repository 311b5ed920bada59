"""The events of a training. Each hook is called after its event; what it returns is ignored.

A connector plugin returns an object with any of these hooks, and each hook takes any of its arguments by name:

    class Printer:
        @soulsai_core.hookimpl
        def episode_finished(self, episode): print(episode.total_reward)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pluggy

from soulsai_core.messages import ClientInfo, Episode, SettingChange

PROJECT = "soulsai"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """Hooks in the order in which a run calls them. Those of each observer are called from a thread of its own."""

    @hookspec
    def training_started(self, run: str, folder: Path, resumed: bool) -> None:
        """The loop is about to begin."""

    @hookspec
    def client_joined(self, client: ClientInfo) -> None:
        """The first heartbeat of a client came, or the first one after it was lost."""

    @hookspec
    def samples_received(self, client: str, admitted: int, rejected: Mapping[str, int]) -> None:
        """A message of samples was judged: `admitted` rows, and `rejected` rows by reason."""

    @hookspec
    def episode_finished(self, episode: Episode) -> None:
        """A client reported an episode."""

    @hookspec
    def model_updated(self, iteration: int, env_steps: int, seconds: float, metrics: Mapping[str, float]) -> None:
        """The learner made a new iteration, which took `seconds`."""

    @hookspec
    def weights_published(self, iteration: int, size: int, seconds: float) -> None:
        """Clients can fetch the model of this iteration: its size in bytes, and the seconds since its snapshot."""

    @hookspec
    def checkpoint_saved(self, path: Path, iteration: int, kind: str) -> None:
        """A checkpoint is complete on disk; kind is "periodic", "final", "quicksave" or "best"."""

    @hookspec
    def setting_changed(self, change: SettingChange) -> None:
        """A setting was changed by `soulsai set`, and is in force."""

    @hookspec
    def client_lost(self, client: ClientInfo) -> None:
        """No heartbeat of this client came within the time-out, or the client left."""

    @hookspec
    def training_stopped(self, reason: str) -> None:
        """The loop has ended. The last event of all."""
