"""The telemetry node's menu of events: what it can see of the core's, and its own.

Of the core's it tells training_started, client_joined, episode_finished, checkpoint_saved, client_lost and
training_stopped. What happens only inside the training node (samples_received, model_updated, weights_published) is
never told here: its outcome is in the status.
"""

from __future__ import annotations

from soulsai_core import HookSpecs, hookspec
from soulsai_telemetry.records import Best, Update, Vitals


class TelemetrySpecs(HookSpecs):
    """The core's hooks, and these."""

    @hookspec
    def episodes_recorded(self, update: Update) -> None:
        """So many more episodes are in the history, `update_interval` at a time; also once after each start, with those
        recorded last, since the node may have been killed before it told them."""

    @hookspec
    def status_received(self, vitals: Vitals) -> None:
        """How the training node and its clients are; every second."""

    @hookspec
    def best_found(self, best: Best) -> None:
        """A better moving average than ever before."""
