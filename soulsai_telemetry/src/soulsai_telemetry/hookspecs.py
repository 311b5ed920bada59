"""The hooks of the telemetry node: those of the core that it can call, and its own.

Of the core's hooks it calls training_started, client_joined, episode_finished, checkpoint_saved, client_lost and
training_stopped. What happens only inside the training node (samples_received, model_updated, weights_published) is
never called here; its outcome is in the status.
"""

from __future__ import annotations

from soulsai_core import HookSpecs, hookspec
from soulsai_telemetry.history.records import BestScore, TrainingStatus
from soulsai_telemetry.history.update import HistoryUpdate


class TelemetrySpecs(HookSpecs):
    """The core's hooks, and these."""

    @hookspec
    def episodes_recorded(self, update: HistoryUpdate) -> None:
        """New episodes are in the history, `update_interval` at a time.

        Also called once after each start, with the newest episodes again: the node may have been killed after it
        recorded them and before it called this hook.
        """

    @hookspec
    def status_received(self, status: TrainingStatus) -> None:
        """The state of the training node and its clients, once a second."""

    @hookspec
    def best_found(self, best: BestScore) -> None:
        """The moving average of the metric `best.metric` is better than ever before."""
