"""The node's status, in which its numbers come together for people."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from soulsai_core.config import StopSettings, TrainingSettings
from soulsai_core.config.models import ClientSettings
from soulsai_core.contracts import Sync
from soulsai_core.messages import Announcement, ClientInfo
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.formatting import counted
from soulsai_core.node.goals import Goals
from soulsai_core.node.health.activity import ActivityLog, Counts
from soulsai_core.node.health.judging import SILENT_AFTER, Health, judge
from soulsai_core.node.health.problems import Problems
from soulsai_core.node.intake import Intake
from soulsai_core.node.ledger import ClientCounts
from soulsai_core.node.roster import Roster
from soulsai_core.node.state import Origin, RunState
from soulsai_core.node.status.node_status import ClientStatus, NodeStatus
from soulsai_core.rates import Rate
from soulsai_core.run_folder import RunFolder


class Description(msgspec.Struct, frozen=True):
    """What does not change in the status of a run; see `NodeStatus`."""

    environment: str = ""
    algorithm: str = ""
    required_clients: int = 0
    max_staleness: int = 0
    patience: float = 210.0
    join: str = "soulsai client"
    seed: int | None = None
    changes_from_page: bool = False

    @classmethod
    def of(cls, announcement: Announcement, sync: Sync, join: str, config: Mapping[str, Any]) -> Description:
        """The description of an announced run with these settings, which clients join with the command `join`."""
        client = ClientSettings(**announcement.client)
        return cls(
            environment=announcement.spec.name,
            algorithm=announcement.algorithm["name"],
            required_clients=sync.required_clients,
            max_staleness=sync.max_staleness,
            patience=client.start_timeout_s + client.step_timeout_s,
            join=join,
            seed=config.get("run", {}).get("seed"),
            changes_from_page=bool(config.get("training", {}).get("changes_from_page")),
        )


class StatusReport:
    """Measures time and rates, keeps the learner's last report, and knows whether a goal was reached.

    Args:
        goals: each ends the training.
        description: of the run.
        state, folder, episodes, intake, roster, problems: of the same node.
        clock: monotonic seconds.
        wall: seconds since 1970.

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
        problems: Problems,
        description: Description,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.latest: NodeStatus | None = None
        self._state = state
        self._settings = goals
        self._goals = Goals(goals, state, episodes)
        self._folder = folder
        self._episodes = episodes
        self._intake = intake
        self._roster = roster
        self._clock = clock
        self._wall = wall
        self._problems = problems
        self._description = msgspec.structs.asdict(description)
        self._activity = ActivityLog(clock())
        self._elapsed_before = 0.0
        self._started: float | None = None
        self._report: dict[str, float] = {}
        self._not_finite: tuple[str, ...] = ()
        self._steps = Rate()
        self._iterations = Rate()
        self._left_out: dict[str, int] = {}
        self._left_out_by_lost = 0

    @property
    def elapsed(self) -> float:
        """Seconds of training, including those before a resume."""
        return self._elapsed_before + (0.0 if self._started is None else self._clock() - self._started)

    def aim(self, training: TrainingSettings) -> None:
        """End the training at the goals of these settings from now on."""
        self._settings = self._goals.settings = training.stop

    def health(self, now: float) -> Health | None:
        """The judgment of the training at `now`, in seconds since 1970; None before the first status."""
        latest = self.latest
        if latest is None:
            return None
        age = self.elapsed - latest.elapsed
        # It is made in this process: if it is old, the thread that makes it waits for the server.
        return judge(latest, age=age, now=now, reachable=age < SILENT_AFTER)

    def resume(self, elapsed: float) -> None:
        """Count `elapsed` seconds that were trained before."""
        self._elapsed_before = elapsed

    def start(self) -> None:
        """Measure the time of training from now on."""
        self._started = self._clock()
        self._activity = ActivityLog(self._started)

    def updated(self, report: Mapping[str, float], seconds: float) -> dict[str, float]:
        """The learner made an iteration in `seconds`, and reported these numbers. Returns those that are finite: the
        status is JSON, which has no others."""
        finite = {name: float(value) for name, value in report.items() if math.isfinite(value)}
        self._report = {**finite, "update_seconds": seconds}
        self._not_finite = tuple(sorted(report.keys() - finite.keys()))
        return finite

    def client_lost(self, info: ClientInfo) -> None:
        """The last info of a client that is present no longer: it may have left out more rows since the last status."""
        self._left_out_by_lost += max(info.left_out - self._left_out.get(info.id, 0), 0)

    def goal_reached(self) -> str | None:
        """The sentence that says which goal was reached, None while there is none."""
        return self._goals.reached(self.elapsed)

    def beyond_goal(self) -> str:
        """The settings without which the run, resumed, would end at once; "" while no goal is reached."""
        return self._goals.beyond(self.elapsed)

    def update(self, backlog: int, *, ended: bool = False) -> NodeStatus:
        """The status now, with `backlog` messages waiting in the server. It becomes the latest one.

        Args:
            ended: it is the last one.
        """
        self.latest = self._status(backlog, ended=ended)
        return self.latest

    def _status(self, backlog: int, *, ended: bool) -> NodeStatus:
        now = self._clock()
        state = self._state
        ledger = self._intake.ledger
        staleness = self._intake.staleness
        present = tuple(self._roster.present.values())
        # Copied first, and at once: the loop may count rows for another reason meanwhile.
        rejected = Counter(dict(ledger.rejected))
        # Rows that clients left out were never sent, but count as rejected: else an endless run would look healthy.
        rejected += Counter(unfit=self._rows_left_out(present))
        judged = ledger.admitted + rejected.total()
        share_done, seconds_left = self._goals.distance(self.elapsed, now)
        activity = self._activity.note(self._counts(rejected, present), now, state.updating_since)
        return NodeStatus(
            run_id=self._folder.name,
            folder=str(self._folder.path),
            state="ended" if ended else "running" if state.stop_reason is None else "stopping",
            iteration=state.iteration,
            env_steps=state.env_steps,
            goal_env_steps=self._settings.env_steps,
            elapsed=self.elapsed,
            episodes=self._episodes.count,
            mean_return=self._episodes.mean_return,
            window_episodes=self._settings.episodes,
            averaged_episodes=self._episodes.averaged,
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
            clients=[self._client(info, ledger.counts.get(info.id), now) for info in present],
            learner=self._report,
            time=self._wall(),
            acting=self._episodes.newest_metrics,
            reason=state.error or state.stop_reason or "",
            failed=bool(state.error),
            beyond_goal=self.beyond_goal(),
            share_done=share_done,
            seconds_left=seconds_left,
            activity=activity,
            problems=self._problems.all(),
            waits_for=state.waits_for,
            trend=self._episodes.trend,
            best_return=self._episodes.best_return,
            not_finite=self._not_finite,
            origin=_began_with(state.origin),
            changes=state.changes,
            live_settings=state.live_settings,
            **self._description,
        )

    def _counts(self, rejected: Mapping[str, int], present: Sequence[ClientInfo]) -> Counts:
        ledger = self._intake.ledger
        return Counts(
            messages=ledger.messages,
            admitted=ledger.admitted,
            rejected=rejected,
            updates=self._state.updates,
            episodes=self._episodes.count,
            checkpoints=self._state.checkpoints,
            clients={info.id: info.env_steps for info in present},
        )

    def _rows_left_out(self, present: Sequence[ClientInfo]) -> int:
        """Rows that all clients left out so far, those too that are lost or have left."""
        now = {info.id: info.left_out for info in present}
        self._left_out_by_lost += sum(self._left_out[name] for name in self._left_out.keys() - now.keys())
        self._left_out = now
        return self._left_out_by_lost + sum(now.values())

    def _client(self, info: ClientInfo, counts: ClientCounts | None, now: float) -> ClientStatus:
        idle = self._activity.idle(info.id, now)
        if counts is None:
            return ClientStatus(info, idle=idle)
        unchanged = self._intake.unchanged.of(info.id, now)
        return ClientStatus(info, counts.admitted, dict(counts.rejected), idle, unchanged)


def _began_with(origin: Origin) -> str:
    return f"{origin.text}, {counted(origin.steps, 'step')}" if origin.steps else origin.text
