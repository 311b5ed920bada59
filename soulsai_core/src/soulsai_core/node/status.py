"""Where the training node's numbers come together for people."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

from soulsai_core.config import TrainingSettings
from soulsai_core.messages import ClientInfo, ClientStatus, NodeStatus
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.intake import Intake
from soulsai_core.node.ledger import ClientCounts
from soulsai_core.node.roster import Roster
from soulsai_core.rates import Rate
from soulsai_core.run_folder import RunFolder


class StatusReport:
    """Elapsed time, rates and the learner's last report, and whether a goal has been reached.

    Args:
        clock: monotonic seconds.
        folder, settings, episodes, intake, roster: of the node that it speaks for.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        folder: RunFolder,
        settings: TrainingSettings,
        episodes: EpisodeLog,
        intake: Intake,
        roster: Roster,
    ) -> None:
        self._clock = clock
        self._folder = folder
        self._stop = settings.stop
        self._episodes = episodes
        self._intake = intake
        self._roster = roster
        self._before = 0.0
        self._started: float | None = None
        self._report: dict[str, float] = {}
        self._steps = Rate()
        self._iterations = Rate()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before a resume included."""
        return self._before + (0.0 if self._started is None else self._clock() - self._started)

    def resume(self, elapsed: float) -> None:
        """So many seconds were trained before."""
        self._before = elapsed

    def start(self) -> None:
        """Training begins now."""
        self._started = self._clock()

    def updated(self, report: Mapping[str, float], seconds: float) -> None:
        """The learner made an iteration and reported these numbers."""
        numbers = {**report, "update_seconds": seconds}
        self._report = {name: value for name, value in numbers.items() if math.isfinite(value)}  # JSON has no others

    def goal_reached(self, iteration: int, env_steps: int) -> str | None:
        """The sentence that says which goal was reached, None while there is none."""
        stop = self._stop
        episodes = self._episodes
        if stop.env_steps is not None and env_steps >= stop.env_steps:
            return f"{env_steps} environment steps were trained"
        if stop.iterations is not None and iteration >= stop.iterations:
            return f"{iteration} iterations were trained"
        if stop.seconds is not None and self.elapsed >= stop.seconds:
            return f"{self.elapsed:.0f} seconds were trained"
        mean = episodes.mean_return
        if stop.mean_return is not None and mean is not None and episodes.window_is_full and mean >= stop.mean_return:
            return f"the mean return of the last {stop.episodes} episodes is {mean:.1f}"
        return None

    def status(self, state: str, iteration: int, env_steps: int, backlog: int) -> NodeStatus:
        """Everything at a glance."""
        now = self._clock()
        ledger = self._intake.ledger
        age = self._intake.age
        present = tuple(self._roster.present.values())
        rejected = ledger.rejected + Counter(unfit=sum(info.left_out for info in present))  # those by clients
        made = ledger.admitted + rejected.total()
        return NodeStatus(
            run_id=self._folder.name,
            folder=str(self._folder.path),
            state=state,
            iteration=iteration,
            env_steps=env_steps,
            goal_env_steps=self._stop.env_steps,
            elapsed=self.elapsed,
            episodes=self._episodes.count,
            mean_return=self._episodes.mean_return,
            window_episodes=self._stop.episodes,
            steps_per_second=self._steps.note(now, env_steps),
            iterations_per_second=self._iterations.note(now, iteration),
            acceptance=ledger.admitted / made if made else 1.0,
            rejected=dict(rejected),
            age={"iterations": age.iterations, "env_steps": age.env_steps, "seconds": age.seconds},
            backlog=backlog,
            clients=[_client(info, ledger.counts.get(info.id)) for info in present],
            learner=self._report,
        )


def _client(info: ClientInfo, counts: ClientCounts | None) -> ClientStatus:
    if counts is None:
        return ClientStatus(info)
    return ClientStatus(info, counts.admitted, dict(counts.rejected))
