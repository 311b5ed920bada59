"""What can keep a training from learning, found in the node's status: each with a sentence and what to do next.

Each check is a pure function. A slow training is not a stuck one: what counts as long follows from the settings, and
from the longest pause that this training has already come out of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from soulsai_core.node.formatting import count, counted, duration, number, share
from soulsai_core.node.status.node_status import ClientStatus, NodeStatus

HELP_PAGE = "https://github.com/amacati/SoulsAI/blob/main/docs/why-nothing-is-learned.md"
"""The page of the documentation with the usual causes."""

LEVELS = ("error", "warning", "note")
"""From the most serious on: the training does not go on; it goes on worse than it could; something to know."""

_LONGEST_PATIENCE = 1800.0
"""Seconds after which any silence of clients is worth a word, however long earlier ones were."""

_FEW_ROWS = 50
"""Rows below which the share of rejected ones says nothing."""

_UNCHANGED_ROWS = 100
"""Rows with the same observation below which that says nothing: some games make a step a minute."""

_MUCH = 0.2
"""Share of rejected rows from which on much is rejected."""

_TREND_EPISODES = 200
_TREND_SECONDS = 3600.0
"""Episodes that are compared, and seconds of training, from which on flat returns are worth a word."""

_NO_EPISODE = 1800.0
"""Seconds without the end of an episode that are worth a word."""


class Condition(msgspec.Struct, frozen=True):
    """Something that was found.

    Attributes:
        name: of the kind, such as "no_client".
        level: one of LEVELS.
        since: when it began, in seconds since 1970.
        seconds: since then.
        sentence: what was found.
        advice: what to do next; a command, where there is one.
    """

    name: str
    level: str
    since: float
    seconds: float
    sentence: str
    advice: str

    @property
    def rank(self) -> int:
        """0 for the most serious level."""
        return LEVELS.index(self.level)


class Finding(NamedTuple):
    """A condition whose time is not yet related to a clock."""

    name: str
    level: str
    seconds: float
    sentence: str
    advice: str

    def at(self, now: float) -> Condition:
        """The condition as it is at `now`, in seconds since 1970."""
        return Condition(self.name, self.level, now - self.seconds, self.seconds, self.sentence, self.advice)


def findings(status: NodeStatus) -> list[Finding]:
    """All that is found in the status of a node that runs."""
    return [finding for check in _CHECKS for finding in check(status)]


def patience(status: NodeStatus) -> float:
    """Seconds for which clients may be silent."""
    # A training that has come out of a long pause may well make another one.
    return max(status.patience, min(5 * status.activity.longest_pause, _LONGEST_PATIENCE))


# -- clients


def _clients(status: NodeStatus) -> Iterator[Finding]:
    activity = status.activity
    present = len(status.clients)
    if status.state == "stopping":
        return  # clients leave then, and no other is wanted
    if not present:
        yield Finding(
            "no_client",
            "error",
            activity.absent,
            f"No client has been connected for {duration(activity.absent)}.",
            f"Start one: {status.join}",
        )
    elif present < status.required_clients:
        needed = counted(status.required_clients, "client")
        verb = "is" if present == 1 else "are"
        yield Finding(
            "too_few_clients",
            "error",
            activity.present,
            f"{status.algorithm or 'The algorithm'} needs {needed}; {count(present)} {verb} connected.",
            f"Start another one: {status.join}",
        )


def _silent_clients(status: NodeStatus) -> Iterator[Finding]:
    """Clients of which nothing comes, though nothing keeps them waiting."""
    activity = status.activity
    limit = patience(status)
    busy = activity.updating is not None or status.backlog > 0 or _named(status, "long_call")
    if busy or not status.clients or activity.present < limit:
        return
    idle = [client for client in status.clients if client.idle >= limit]
    silence = activity.present if activity.message is None else activity.message
    if status.waits_for:
        # In rounds all others wait for these, and are idle without being frozen.
        idle = [client for client in idle if client.info.id in status.waits_for]
        if idle and silence >= limit and len(idle) < len(status.clients):
            yield _stalled(status, idle, silence)
            return
    if not idle and silence >= limit:
        yield Finding(
            "no_samples",
            "error",
            silence,
            f"{counted(len(status.clients), 'client')} play, but no samples have arrived for {duration(silence)}.",
            "Look at the logs of the clients: they say why nothing can be sent.",
        )
    elif idle:
        yield _frozen(status, idle)


def _frozen(status: NodeStatus, idle: list[ClientStatus]) -> Finding:
    everyone = len(idle) == len(status.clients)
    seconds = min(client.idle for client in idle)
    verb = "has" if len(idle) == 1 else "have"
    return Finding(
        "frozen_game",
        "error" if everyone else "warning",
        seconds,
        f"The environment of {_names(idle)} {verb} made no step for {duration(seconds)}.",
        "Look at the game: a dialog, a loading screen or a crash stops it. client.isolate=true lets clients restart it "
        "by themselves.",
    )


def _stalled(status: NodeStatus, idle: list[ClientStatus], silence: float) -> Finding:
    return Finding(
        "waits_for_client",
        "error",
        silence,
        f"{status.algorithm or 'The algorithm'} has waited for the samples of {_names(idle)} for {duration(silence)}.",
        "Look at that client: end it if it hangs, and the others go on without it.",
    )


def _unchanged(status: NodeStatus) -> Iterator[Finding]:
    """Clients that make steps in a game that shows the same all the time."""
    usual = patience(status)
    # A game that has come out of a long loading screen may well show another one.
    still = [
        client
        for client in status.clients
        if client.unchanged.rows >= _UNCHANGED_ROWS
        and client.unchanged.seconds >= max(usual, 2 * client.unchanged.longest)
    ]
    if not still:
        return
    seconds = min(client.unchanged.seconds for client in still)
    steps = min(client.unchanged.rows for client in still)
    yield Finding(
        "same_observation",
        "error" if len(still) == len(status.clients) else "warning",
        seconds,
        f"The observations of {_names(still)} have been the same for {duration(seconds)}, in {counted(steps, 'step')}.",
        "Look at the game: it may be frozen, show a dialog or a loading screen, or the window that is read may be "
        "another one. Restart that client.",
    )


def _client_problems(status: NodeStatus) -> Iterator[Finding]:
    for client in status.clients:
        if client.info.problem:
            yield Finding(
                "client_problem",
                "warning",
                client.idle,
                f"{client.info.id}: {client.info.problem}",
                "Look at the game and at the log of that client.",
            )


# -- samples


_REASONS = {
    "stale": "too old: the model changes faster than samples arrive. Fewer updates for each sample, a faster "
    "connection, or a higher max_staleness of the algorithm help",
    "future": "of a newer model than the node's: clients of an earlier training are still connected. Restart them",
    "unfit": "outside of their bounds. The client's log names the column; training.max_abs_value is the bound where "
    "the environment gives none",
    "bounds": "outside of their bounds. The node's log names the column; training.max_abs_value is the bound where the "
    "environment gives none",
    "nonfinite": "not finite: the environment gives NaN or infinite numbers. The node's log names the column",
    "run": "of another run: clients of an earlier training are still connected. Restart them",
    "repeated": "sent twice: two clients use one name, or a connection is unstable",
    "oversized": "too large: raise training.max_message_mb, or lower client.max_message_mb",
    "window": "sent faster than the node asks for: the client is of another version, or changed",
    "rate": "beyond the limits for contributors: raise them in training.contributors",
}
"""Reason of a rejection -> what it means, and what helps."""


def _rejected(status: NodeStatus) -> Iterator[Finding]:
    activity = status.activity
    rejected = sum(activity.recent_rejected.values())
    judged = rejected + activity.recent_admitted
    if judged < _FEW_ROWS or rejected < _MUCH * judged:
        return
    reason = max(activity.recent_rejected, key=lambda name: activity.recent_rejected[name])
    meaning = _REASONS.get(reason, f'unusable ("{reason}"); the log of the node says more')
    everything = activity.recent_admitted == 0
    shared = "All samples" if everything else f"{share(rejected / judged)} of the samples"
    seconds = activity.recent_seconds
    if everything and activity.admitted is not None:
        seconds = max(seconds, activity.admitted)
    yield Finding(
        "all_rejected" if everything else "rejecting",
        "error" if everything else "warning",
        seconds,
        f"{shared} of the last {duration(activity.recent_seconds)} were rejected, most of them as {reason}.",
        f"They are {meaning}.",
    )


def _staleness(status: NodeStatus) -> Iterator[Finding]:
    oldest = status.max_staleness - 1
    mean = status.staleness.get("iterations", 0.0)
    if oldest >= 2 and mean > 0.75 * oldest:
        yield Finding(
            "staleness",
            "note",
            0.0,
            f"Samples are {number(mean)} iterations old on average when they are learned from; {oldest} are allowed.",
            "A faster connection, or fewer updates for each sample, would keep them younger.",
        )


# -- learning


def _learning(status: NodeStatus) -> Iterator[Finding]:
    updating = status.activity.updating
    usual = status.learner.get("update_seconds")
    if updating is not None and usual is not None and updating > max(60.0, 20 * usual):
        yield Finding(
            "long_update",
            "error" if updating > max(600.0, 100 * usual) else "warning",
            updating,
            f"An update has been running for {duration(updating)}; the last one took {duration(usual)}.",
            "Look at the load of the node's machine. If the algorithm hangs: stop the node, and soulsai train --resume",
        )
    if status.not_finite:
        yield Finding(
            "not_finite",
            "warning",
            status.activity.update or 0.0,
            f"The learner reports numbers that are not finite: {', '.join(status.not_finite[:5])}.",
            f"Learning diverges: resume from an earlier save with a lower learning rate. {HELP_PAGE}",
        )


def _returns(status: NodeStatus) -> Iterator[Finding]:
    trend = status.trend
    if trend is None or trend.episodes < _TREND_EPISODES or status.mean_return is None:
        return
    span = f"over the last {counted(trend.episodes, 'episode')}"
    best = status.best_return
    fallen = 0.0 if best is None else best[0] - status.mean_return
    if trend.change < -3 * trend.error and fallen > trend.spread / 3:
        best_text = "" if best is None else f" The best was {number(best[0])}, at step {count(best[1])}."
        yield Finding(
            "returns_falling",
            "warning",
            0.0,
            f"Returns have fallen by {number(-trend.change)} {span}.{best_text}",
            f"best_model in the run's folder keeps the best. The usual causes: {HELP_PAGE}",
        )
    elif abs(trend.change) <= 2 * trend.error and status.elapsed >= _TREND_SECONDS:
        yield Finding(
            "returns_flat",
            "note",
            0.0,
            f"Returns have not clearly risen {span}: the mean is {number(status.mean_return)}.",
            f"If that is as good as it can be, stop the training: soulsai shutdown. Else see {HELP_PAGE}",
        )


def _episodes(status: NodeStatus) -> Iterator[Finding]:
    activity = status.activity
    silent = activity.present if activity.episode is None else min(activity.episode, activity.present)
    if activity.recent_admitted and silent > _NO_EPISODE:
        yield Finding(
            "no_episode",
            "note",
            silent,
            f"No episode has ended for {duration(silent)}, so there is no new return.",
            "If episodes of this environment should be shorter, give it a limit of steps (max_episode_steps).",
        )


# -- the node


_ADVICE = {
    "disk": (
        "Make room on the disk, or correct the permissions of the folder. Nothing is lost meanwhile: it is tried again."
    ),
    "status_file": "Make room on the disk, or correct the permissions of the folder. It is tried again.",
    "journal": "Make room on the disk, or correct the permissions of the folder. It is tried again.",
    "checkpoint": (
        "Make room on the disk, or correct the permissions of the folder. The next checkpoint is tried as usual."
    ),
    "long_call": "Wait, or look at the load of the node's machine; end the node if it hangs.",
}


def _problems(status: NodeStatus) -> Iterator[Finding]:
    for problem in status.problems:
        level = "error" if problem.name == "long_call" and problem.seconds > 600 else "warning"
        yield Finding(problem.name, level, problem.seconds, problem.sentence, _ADVICE.get(problem.name, ""))


def _named(status: NodeStatus, name: str) -> bool:
    return any(problem.name == name for problem in status.problems)


def _names(clients: list[ClientStatus]) -> str:
    names = [client.info.id for client in clients[:3]]
    more = len(clients) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


_CHECKS: tuple[Callable[[NodeStatus], Iterator[Finding]], ...] = (
    _clients,
    _silent_clients,
    _unchanged,
    _rejected,
    _learning,
    _problems,
    _client_problems,
    _returns,
    _staleness,
    _episodes,
)
