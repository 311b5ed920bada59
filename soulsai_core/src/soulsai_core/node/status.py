"""The node's status, in which its numbers come together for people, and the goals that end a training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from soulsai_core.config import StopSettings
from soulsai_core.messages import ClientInfo, ClientStatus, NodeStatus
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.intake import Intake
from soulsai_core.node.ledger import ClientCounts
from soulsai_core.node.roster import Roster
from soulsai_core.node.state import RunState
from soulsai_core.rates import Rate
from soulsai_core.run_folder import RunFolder


class StatusReport:
    """Measures time and rates, keeps the learner's last report, and knows whether a goal was reached.

    Args:
        goals: each ends the training.
        state, folder, episodes, intake, roster: of the same node.
        clock: monotonic seconds.

    Attributes:
        latest: the last status, None before the first.
    """

    def __init__(
        self,
        state: RunState,
        goals: StopSettings,
        folder: RunFolder,
        episodes: EpisodeLog,
        intake: Intake,
        roster: Roster,
        clock: Callable[[], float],
    ) -> None:
        self.latest: NodeStatus | None = None
        self._state = state
        self._goals = goals
        self._folder = folder
        self._episodes = episodes
        self._intake = intake
        self._roster = roster
        self._clock = clock
        self._elapsed_before = 0.0
        self._started: float | None = None
        self._report: dict[str, float] = {}
        self._steps = Rate()
        self._iterations = Rate()
        self._left_out: dict[str, int] = {}
        self._left_out_by_lost = 0

    @property
    def elapsed(self) -> float:
        """Seconds of training, including those before a resume."""
        return self._elapsed_before + (0.0 if self._started is None else self._clock() - self._started)

    def resume(self, elapsed: float) -> None:
        """Count `elapsed` seconds that were trained before."""
        self._elapsed_before = elapsed

    def start(self) -> None:
        """Measure the time of training from now on."""
        self._started = self._clock()

    def updated(self, report: Mapping[str, float], seconds: float) -> None:
        """The learner made an iteration in `seconds`, and reported these numbers."""
        numbers = {**report, "update_seconds": seconds}
        # The status is JSON, which has no infinite numbers and no NaN.
        self._report = {name: value for name, value in numbers.items() if math.isfinite(value)}

    def goal_reached(self) -> str | None:
        """The sentence that says which goal was reached, None while there is none."""
        goals = self._goals
        state = self._state
        if goals.env_steps is not None and state.env_steps >= goals.env_steps:
            return f"{state.env_steps} environment steps were trained"
        if goals.iterations is not None and state.iteration >= goals.iterations:
            return f"{state.iteration} iterations were trained"
        if goals.seconds is not None and self.elapsed >= goals.seconds:
            return f"{self.elapsed:.0f} seconds were trained"
        return self._return_reached()

    def _return_reached(self) -> str | None:
        goal = self._goals.mean_return
        mean = self._episodes.mean_return
        # The mean of a few episodes may be high by chance, so the window must be full.
        if goal is None or mean is None or mean < goal or not self._episodes.window_is_full:
            return None
        return f"the mean return of the last {self._goals.episodes} episodes is {mean:.1f}"

    def update(self, backlog: int) -> NodeStatus:
        """The status now, with `backlog` messages waiting in the server. It becomes the latest one."""
        self.latest = self._status(backlog)
        return self.latest

    def _status(self, backlog: int) -> NodeStatus:
        now = self._clock()
        state = self._state
        ledger = self._intake.ledger
        staleness = self._intake.staleness
        present = tuple(self._roster.present.values())
        # Rows that clients left out were never sent, but count as rejected: else an endless run would look healthy.
        rejected = ledger.rejected + Counter(unfit=self._rows_left_out(present))
        judged = ledger.admitted + rejected.total()
        return NodeStatus(
            run_id=self._folder.name,
            folder=str(self._folder.path),
            state="running" if state.stop_reason is None else "stopping",
            iteration=state.iteration,
            env_steps=state.env_steps,
            goal_env_steps=self._goals.env_steps,
            elapsed=self.elapsed,
            episodes=self._episodes.count,
            mean_return=self._episodes.mean_return,
            window_episodes=self._goals.episodes,
            steps_per_second=self._steps.note(now, state.env_steps),
            iterations_per_second=self._iterations.note(now, state.iteration),
            acceptance=ledger.admitted / judged if judged else 1.0,
            rejected=dict(rejected),
            staleness={
                "iterations": staleness.iterations,
                "env_steps": staleness.env_steps,
                "seconds": staleness.seconds,
            },
            backlog=backlog,
            clients=[_client(info, ledger.counts.get(info.id)) for info in present],
            learner=self._report,
        )

    def _rows_left_out(self, present: Sequence[ClientInfo]) -> int:
        """Rows that all clients left out so far, those too that are lost or have left."""
        now = {info.id: info.left_out for info in present}
        self._left_out_by_lost += sum(self._left_out[name] for name in self._left_out.keys() - now.keys())
        self._left_out = now
        return self._left_out_by_lost + sum(now.values())


def _client(info: ClientInfo, counts: ClientCounts | None) -> ClientStatus:
    if counts is None:
        return ClientStatus(info)
    return ClientStatus(info, counts.admitted, dict(counts.rejected))
