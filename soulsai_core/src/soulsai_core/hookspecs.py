"""The menu of events. Each hook says what has just happened; none expects an answer.

Implement any of them in an object that a connector plugin returns, with any subset of the arguments by name:

    class Printer:
        @soulsai_core.hookimpl
        def episode_finished(self, episode): print(episode.total_reward)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pluggy

from soulsai_core.messages import ClientInfo, Episode

PROJECT = "soulsai"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """Called in this order of a run's life, each from a thread of its observer's own."""

    @hookspec
    def training_started(self, run: str, folder: Path, resumed: bool) -> None:
        """The loop is about to begin."""

    @hookspec
    def client_joined(self, client: ClientInfo) -> None:
        """A client's first heartbeat was heard, or its first after it had been lost."""

    @hookspec
    def samples_received(self, client: str, admitted: int, rejected: Mapping[str, int]) -> None:
        """A message of samples was judged: rows admitted, and rows rejected by reason."""

    @hookspec
    def episode_finished(self, episode: Episode) -> None:
        """A client reported an episode."""

    @hookspec
    def model_updated(self, iteration: int, env_steps: int, seconds: float, metrics: Mapping[str, float]) -> None:
        """The learner made a new iteration, in so many seconds."""

    @hookspec
    def weights_published(self, iteration: int, size: int, seconds: float) -> None:
        """The model of this iteration is there for clients to fetch: bytes, and seconds from snapshot to there."""

    @hookspec
    def checkpoint_saved(self, path: Path, iteration: int, kind: str) -> None:
        """A checkpoint is complete on disk; kind is "periodic", "final", "quicksave" or "best"."""

    @hookspec
    def client_lost(self, client: ClientInfo) -> None:
        """No heartbeat of this client came for the time-out, or it said goodbye."""

    @hookspec
    def training_stopped(self, reason: str) -> None:
        """The loop has ended. The last event of all."""
