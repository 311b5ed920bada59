"""Makes the model's iterations, and publishes them."""

from __future__ import annotations

from collections.abc import Callable

from soulsai_core.contracts import Learner
from soulsai_core.errors import PluginError, SoulsAIError
from soulsai_core.hooks.observers import Observers
from soulsai_core.messages import Weights
from soulsai_core.node.freshness import Staleness
from soulsai_core.node.metrics import NodeMetrics
from soulsai_core.node.pacing import UpdatePace
from soulsai_core.node.publishing import Publishing
from soulsai_core.node.state import RunState
from soulsai_core.node.status.report import StatusReport


class Updating:
    """To be used by the loop's thread.

    Args:
        learner, state, pace, publishing, report, staleness, metrics, observers: of the same node.
        advice: a sentence for people whose learning has diverged.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        learner: Learner,
        state: RunState,
        pace: UpdatePace,
        publishing: Publishing,
        report: StatusReport,
        staleness: Staleness,
        advice: str,
        metrics: NodeMetrics,
        observers: Observers,
        clock: Callable[[], float],
    ) -> None:
        self._advice = advice
        self._learner = learner
        self._state = state
        self._pace = pace
        self._staleness = staleness
        self._publishing = publishing
        self._report = report
        self._metrics = metrics
        self._observers = observers
        self._clock = clock

    def update(self) -> None:
        """Make an iteration, with updates that are owed, and publish it."""
        state = self._state
        started = self._clock()
        state.updating_since = started
        for _ in range(self._pace.owed_updates()):
            self._learner.update()
        numbers = self._learner.update()
        seconds = self._clock() - started
        state.updating_since = None
        state.iteration += 1
        state.updates += 1
        # Published first: clients wait for the model, and for nothing of what follows.
        self.publish()
        self._learner.updated(state.iteration)
        report = self._report.updated(numbers, seconds)
        self._metrics.updated(state.iteration, state.env_steps, seconds, report, self._staleness)
        self._observers.emit(
            "model_updated", iteration=state.iteration, env_steps=state.env_steps, seconds=seconds, metrics=report
        )

    def use_spare_time(self) -> bool:
        """Make an update that is owed, without an iteration of its own, or else what the learner does in spare time.
        Returns whether there was anything to do."""
        # A learner that is not ready yet, or decides itself when it is, makes none.
        if self._pace.owed and self._learner.ready() is None and self._pace.take_owed():
            self._learner.update()
            return True
        return self._learner.use_spare_time()

    def publish(self) -> None:
        """Publish the model. Raises SoulsAIError if it is not finite any more, as the checks of plugins find."""
        state = self._state
        self._staleness.made(state.iteration, state.env_steps, self._clock())
        try:
            model = self.model()
        except PluginError:  # a mistake that no setting mends
            raise
        except SoulsAIError as error:
            raise SoulsAIError(f"{error} {self._advice}") from None
        self._publishing.publish_model(model)

    def model(self) -> Weights:
        """The model now."""
        state = self._state
        return Weights(state.iteration, self._learner.weights(), state.env_steps, self._learner.quota())
