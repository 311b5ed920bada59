"""Decides which messages are sent: each once, also if the telemetry node is started again in between."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from soulsai_core.app import Condition, formatting
from soulsai_telemetry.connectors.notify.config import NotifyConfig
from soulsai_telemetry.connectors.notify.messages import Counts, Message, Moment, result, summary
from soulsai_telemetry.history.metrics import EVALUATION
from soulsai_telemetry.history.records import BestScore, TrainingStatus

_CLIENTS_MISSING = frozenset({"no_client", "too_few_clients"})
"""Conditions that are no problem before the first client has come."""


class Reported(msgspec.Struct):
    """What messages have already reported of a run. It is kept in a file, for the next start of the telemetry node.

    Attributes:
        running: whether the start was reported, and no end since.
        clients: whether there ever was a client.
        problems: name -> when it began, in seconds since 1970, of each reported problem whose end was not reported yet.
        notes: names of the notes that were reported. Their end is not.
        best: the best score that was reported, and `best_metric` its metric.
        best_time: when a best score was last reported, or the start.
        last: the training at the last message.
    """

    running: bool = False
    clients: bool = False
    problems: dict[str, float] = {}
    notes: list[str] = []
    best: float | None = None
    best_metric: str = ""
    best_time: float = 0.0
    last: Moment | None = None


class Reporter:
    """Makes messages of what the telemetry node sees. To be used from one thread; time comes with the statuses.

    Attributes:
        reported: to be saved after each message.
    """

    def __init__(self, run: str, config: NotifyConfig, reported: Reported) -> None:
        self.reported = reported
        self._run = run
        self._config = config
        self._counts = Counts()
        self._status: TrainingStatus | None = None
        self._best: BestScore | None = None
        self._found: dict[str, float] = {}  # name of a condition -> when it was seen first
        self._well_since: float | None = None

    # -- what happened

    def client_joined(self) -> None:
        self._counts.joined += 1

    def client_lost(self) -> None:
        self._counts.lost += 1

    def checkpoint_saved(self) -> None:
        self._counts.checkpoints += 1

    def best_found(self, best: BestScore) -> None:
        self._best = best

    def status_received(self, status: TrainingStatus) -> list[Message]:
        """The messages that are due with this status, most often none."""
        self._status = status
        if status.health.state in ("finished", "failed"):
            messages = list(self._ended(status))
        else:
            messages = [*self._started(status), *self._problems(status), *self._well(status), *self._new_best(status)]
        if messages:
            self._counts = Counts()
            self.reported.last = Moment.of(status)
        return [message for message in messages if message.event in self._config.events]

    def parent_gone(self) -> list[Message]:
        """The process that trains is gone. If its node has not said that it ends, it was killed."""
        status = self._status
        if status is None or not self.reported.running:
            return []
        self.reported.running = False
        text = (
            "The process of the training is gone and did not say why: it was killed, or its machine is going down. "
            f"{result(status, self._best)}\n"
            f"Resume from the last checkpoint: soulsai train --resume {formatting.word(status.node.folder)}"
        )
        message = Message("failed", self._title("killed"), text, urgent=True, picture=True)
        return [message] if message.event in self._config.events else []

    # -- what is due

    def _started(self, status: TrainingStatus) -> Iterator[Message]:
        if self.reported.running:
            return
        verb = "has started" if self.reported.last is None else "goes on"
        self.reported.running = True
        self.reported.best_time = status.time
        self.reported.problems = {}
        self.reported.notes = []
        self.reported.last = self.reported.last or Moment.of(status)
        node = status.node
        what = " on ".join(name for name in (node.algorithm, node.environment) if name) or "The training"
        goal = "" if node.goal_env_steps is None else f" of {formatting.count(node.goal_env_steps)}"
        clients = f", {formatting.counted(len(node.clients), 'client')}" if node.clients else ""
        text = f"{what} {verb}: {formatting.count(node.env_steps)}{goal} steps{clients}."
        yield Message("started", self._title(verb), text)

    def _problems(self, status: TrainingStatus) -> Iterator[Message]:
        self.reported.clients |= bool(status.node.clients)
        found = {condition.name: condition for condition in status.health.conditions if self._matters(condition)}
        self._found = {name: self._found.get(name, status.time) for name in found}
        due = [
            condition
            for name, condition in found.items()
            if name not in self.reported.problems
            and name not in self.reported.notes
            and status.time - self._found[name] >= self._config.patience_s
        ]
        if not due:
            return
        for condition in due:
            if condition.level == "note":
                self.reported.notes.append(condition.name)
            else:
                self.reported.problems[condition.name] = condition.since
        urgent = any(condition.level == "error" for condition in due)
        title = status.health.label if urgent else due[0].name.replace("_", " ")
        lines = [f"{condition.sentence}\n{condition.advice}".strip() for condition in due]
        yield Message("stuck", self._title(title), "\n".join([*lines, self._summary(status)]), urgent=urgent)

    def _well(self, status: TrainingStatus) -> Iterator[Message]:
        """Report that the problems are over, once that has lasted: one that comes and goes is reported once."""
        if not self.reported.problems or self._found.keys() & self.reported.problems.keys():
            self._well_since = None
            return
        self._well_since = status.time if self._well_since is None else self._well_since
        if status.time - self._well_since < self._config.patience_s:
            return
        lasted = formatting.duration(self._well_since - min(self.reported.problems.values()))
        names = ", ".join(name.replace("_", " ") for name in self.reported.problems)
        self.reported.problems = {}
        self._well_since = None
        text = f"{status.health.sentence} Over after {lasted}: {names}.\n{self._summary(status)}"
        yield Message("well", self._title("well again"), text)

    def _new_best(self, status: TrainingStatus) -> Iterator[Message]:
        best = self._best
        if best is None or best.score == self.reported.best:
            return
        if status.time - self.reported.best_time < self._config.best_interval_s:
            return
        comparable = self.reported.best is not None and self.reported.best_metric == best.metric
        before = f" (last message: {formatting.number(self.reported.best)})" if comparable else ""
        self.reported.best = best.score
        self.reported.best_metric = best.metric
        self.reported.best_time = status.time
        evaluated = best.metric.startswith(EVALUATION)
        where = (
            "its episodes without exploration" if evaluated else f"the episodes up to {formatting.count(best.episode)}"
        )
        score = f"{best.metric} {formatting.number(best.score)}{before}"
        text = f"{score}, mean of {where}, after {formatting.counted(best.steps, 'step')}.\n{self._summary(status)}"
        yield Message("best", self._title(f"new best, {formatting.number(best.score)}"), text, picture=True)

    def _ended(self, status: TrainingStatus) -> Iterator[Message]:
        if not self.reported.running:
            return
        self.reported.running = False
        failed = status.health.state == "failed"
        advice = [condition.advice for condition in status.health.conditions]
        text = "\n".join([f"{status.health.sentence} {result(status, self._best)}", *advice])
        yield Message(
            "failed" if failed else "finished", self._title(status.health.label), text, urgent=failed, picture=True
        )

    def _matters(self, condition: Condition) -> bool:
        return self.reported.clients or condition.name not in _CLIENTS_MISSING

    def _title(self, what: str) -> str:
        return f"{self._run}: {what}"

    def _summary(self, status: TrainingStatus) -> str:
        before = self.reported.last or Moment.of(status)
        return summary(before, status, self._counts, self._best)
