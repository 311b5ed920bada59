"""What the training node reports of itself: plain data, which travels as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from soulsai_core.messages import ClientInfo, SettingChange


class Unchanged(msgspec.Struct, frozen=True):
    """How long a client's observations have been the same.

    Attributes:
        rows: with the same observation, the newest ones, without the first of them.
        seconds: since the first of them came.
        longest: the longest time in seconds after which they changed again.
    """

    rows: int = 0
    seconds: float = 0.0
    longest: float = 0.0


class ClientStatus(msgspec.Struct, frozen=True):
    """One client as the node sees it.

    Attributes:
        admitted: rows that were learned from.
        rejected: reason -> rows.
        idle: seconds since the number of its environment steps has grown; those of its waits for the node count, too.
        unchanged: whether it shows the same observation all the time.
    """

    info: ClientInfo
    admitted: int = 0
    rejected: dict[str, int] = {}
    idle: float = 0.0
    unchanged: Unchanged = Unchanged()


class Problem(msgspec.Struct, frozen=True):
    """Something that the node itself failed to do, or waits for, until it is over.

    Attributes:
        name: "disk" (nothing can be written), "journal", "checkpoint", or "long_call" (of a plugin).
        sentence: what happened, for people.
        seconds: since it began.
    """

    name: str
    sentence: str
    seconds: float = 0.0


class Activity(msgspec.Struct, frozen=True):
    """When something last happened, in seconds before the status was made; None: not yet since the node started.

    Attributes:
        up: since the node started to train.
        absent: since the last client was present, or since the start; 0 while there are clients.
        present: since there are clients without interruption; 0 while there are none.
        message, admitted, update, episode, checkpoint: since the last one. An episode counts when it is reported.
        longest_pause: the longest time between two messages so far while clients were present.
        updating: since the update began that is being made; None between updates.
        recent_seconds: length of the time that the next two count, a minute at most.
        recent_admitted, recent_rejected: rows that were judged in that time, the latter by reason.
    """

    up: float = 0.0
    absent: float = 0.0
    present: float = 0.0
    message: float | None = None
    admitted: float | None = None
    update: float | None = None
    episode: float | None = None
    checkpoint: float | None = None
    longest_pause: float = 0.0
    updating: float | None = None
    recent_seconds: float = 0.0
    recent_admitted: int = 0
    recent_rejected: dict[str, int] = {}


class Trend(msgspec.Struct, frozen=True):
    """How returns changed over the newest half of the run's episodes.

    Attributes:
        episodes: number of episodes that were compared: those of the newest quarter with those of the quarter before.
        change: difference of their mean returns.
        error: standard error of that difference.
        spread: between the best and the worst stretch of the run, in mean return.
    """

    episodes: int
    change: float
    error: float
    spread: float


class NodeStatus(msgspec.Struct, frozen=True):
    """What the training node reports of itself, for progress lines, `soulsai status`, the page and the run's folder.

    `soulsai_core.app.judge` makes a judgment of it: how the training is, and what to do.

    Attributes:
        state: "running", "stopping" while the node ends, and "ended" in the last status of all.
        goal_env_steps: environment steps after which training stops, None if it goes on.
        mean_return: mean return of the last `window_episodes` complete episodes, None before the first.
        time: when it was made, in seconds since 1970 by the node's clock. It stays true if the run's folder is copied.
        averaged_episodes: number of episodes that mean_return averages: fewer than `window_episodes` at first.
        acceptance: share of rows admitted since the node started; 1 before the first. Rows that the present clients
            left out count as rejected for the reason "unfit".
        staleness: of admitted rows, the mean, in "iterations", "env_steps" and "seconds".
        backlog: sample messages waiting in the server.
        learner: numbers reported by the last update.
        acting: metrics that the client of the newest complete episode of training reported with it, such as epsilon.
        environment, algorithm: their names.
        reason: why the training ends or has ended, "" while it goes on.
        failed: whether an error ended it.
        beyond_goal: settings without which the run, resumed, would end at once; "" while no goal is reached.
        share_done: of the goal that will be reached first, from 0 to 1; None without such a goal.
        seconds_left: until then, at the rate of the last minutes; None if unknown.
        required_clients: number of clients without which no update is made.
        max_staleness: iterations after which rows are too old.
        patience: seconds that a client may take for a start and a step, by the settings.
        join: the command that starts a client for this run.
        activity: when what last happened.
        problems: what the node failed to do, or waits for, now.
        waits_for: clients without whose rows no update is made.
        trend: of the returns, None until there are enough episodes.
        best_return: highest mean return of a full window so far, and the environment steps at which it was reached.
        not_finite: names of the learner's numbers that were not finite in the last update.
        seed: of the run.
        origin: what it began with that another run had, for people; "" if it began anew.
        changes: the newest settings that were changed while the run went on.
        live_settings: name -> value of those that can be changed.
        changes_from_page: whether those who have the page's token may change them there.
    """

    run_id: str
    folder: str
    state: str
    iteration: int
    env_steps: int
    goal_env_steps: int | None
    elapsed: float
    episodes: int
    mean_return: float | None
    window_episodes: int
    steps_per_second: float
    iterations_per_second: float
    acceptance: float
    rejected: dict[str, int]
    staleness: dict[str, float]
    backlog: int
    clients: list[ClientStatus]
    learner: dict[str, float]
    time: float = 0.0
    averaged_episodes: int = 0
    acting: dict[str, float] = {}
    environment: str = ""
    algorithm: str = ""
    reason: str = ""
    failed: bool = False
    beyond_goal: str = ""
    share_done: float | None = None
    seconds_left: float | None = None
    required_clients: int = 0
    max_staleness: int = 0
    patience: float = 210.0
    join: str = "soulsai client"
    activity: Activity = Activity()
    problems: tuple[Problem, ...] = ()
    waits_for: tuple[str, ...] = ()
    trend: Trend | None = None
    best_return: tuple[float, int] | None = None
    not_finite: tuple[str, ...] = ()
    seed: int | None = None
    origin: str = ""
    changes: tuple[SettingChange, ...] = ()
    live_settings: dict[str, Any] = {}
    changes_from_page: bool = False
