"""How far the training is. The loop changes it, and the node's other parts read it, from any thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from soulsai_core.errors import SoulsAIError
from soulsai_core.messages import SettingChange


class Origin(msgspec.Struct, frozen=True):
    """What a run began with.

    Attributes:
        text: what it took of another run, for people; "" for a run that began anew.
        steps: that it took.
    """

    text: str = ""
    steps: int = 0


NOTHING = Origin()


@dataclass(slots=True)
class RunState:
    """Counts of a run, and whether it is to end.

    Attributes:
        iteration: of the newest model.
        env_steps: environment steps that were admitted.
        origin: what it began with.
        stop_reason: why the training ends, None while it goes on.
        replaced: whether another node has taken over the run. Nothing more is written to the server then.
        changes: the newest settings that were changed while the run went on.
        live_settings: name -> value of those that can be changed.
        error: the sentence of the error that ended the training, "" without one.
        updates, checkpoints: made since the node started.
        updating_since: when the running update began, in monotonic seconds; None between updates.
        waits_for: clients without whose rows no update is made.
    """

    iteration: int = 0
    env_steps: int = 0
    origin: Origin = NOTHING
    stop_reason: str | None = None
    replaced: bool = False
    changes: tuple[SettingChange, ...] = ()
    live_settings: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    updates: int = 0
    checkpoints: int = 0
    updating_since: float | None = None
    waits_for: tuple[str, ...] = ()

    def stop(self, reason: str) -> None:
        """Ask the loop to end. The first reason counts."""
        # Without a lock: a signal handler runs in the thread that it interrupts, and would wait for it forever.
        self.stop_reason = self.stop_reason or reason

    def fail(self, error: BaseException) -> None:
        """An error ends the training."""
        self.error = str(error) if isinstance(error, SoulsAIError) else f"{type(error).__name__}: {error}"
        self.updating_since = None
        self.stop("error")
