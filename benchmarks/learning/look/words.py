"""What was found, as a table of sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.learning.look.episodes import EpisodeSteps
from benchmarks.learning.look.loading import LoadedRun
from benchmarks.learning.look.replayed import Replayed
from benchmarks.learning.look.units import DORMANT, Units, norms_of, target_distance
from benchmarks.learning.look.values import Values, value_errors
from soulsai_core import interquartile_mean
from soulsai_dqn.spaces import number_of_actions


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was measured.

    Attributes:
        values: of each episode.
        replay: None if the checkpoint has no rows.
        observed: where the observations come from whose units were measured.
    """

    run: LoadedRun
    episodes: list[EpisodeSteps]
    values: list[Values]
    units: Units
    replay: Replayed | None
    observed: str


def print_table(found: Findings) -> None:
    """Print a Markdown table of what was found."""
    print("| what | found |\n|---|---|")
    for what, sentence in rows(found):
        print(f"| {what} | {sentence} |")


def rows(found: Findings) -> Iterator[tuple[str, str]]:
    """(what, sentence) for each line of the table."""
    run = found.run
    done = f"{run.counters.env_steps:,} environment steps, {run.trainer.steps:,} gradient steps"
    yield "model", f"{run.model} after {done}; gamma {run.gamma:g}"
    yield from _play(found)
    yield from _values(found)
    yield from _units(found)
    yield from _replay(found)


def _play(found: Findings) -> Iterator[tuple[str, str]]:
    totals = [episode.total for episode in found.episodes]
    lengths = [len(episode) for episode in found.episodes]
    cut = sum(not episode.terminated for episode in found.episodes)
    yield (
        "greedy episodes",
        f"{len(totals)}, return {np.mean(totals):.1f} (median {np.median(totals):.1f}, IQM "
        f"{interquartile_mean(totals):.1f}, {min(totals):.1f} to {max(totals):.1f}); length {np.median(lengths):.0f} "
        f"in the median, {min(lengths)} to {max(lengths)}; {cut} truncated",
    )
    greedy = shares(np.concatenate([episode.actions for episode in found.episodes]), found.run)
    yield "greedy actions", _listed(greedy)
    if found.replay is not None:
        yield "actions in the replay", _listed(shares(found.replay.actions, found.run))


def _values(found: Findings) -> Iterator[tuple[str, str]]:
    errors = value_errors(found.values)
    if errors is None:
        yield "values", "no return is known: all episodes were truncated too early"
        return
    sign = "too high" if errors.bias > 0 else "too low"
    yield (
        "values against true returns",
        f"{abs(errors.bias):.3g} {sign} on average, error {errors.error:.3g}, where returns deviate by "
        f"{errors.deviation:.3g} (scaled reward, {errors.steps:,} steps); correlation {errors.correlation:.2f}",
    )
    yield "by thirds of the episode", ", ".join(f"{bias:+.3g}" for bias in errors.thirds)
    yield "best action above the mean of the others", f"{errors.gap:.3g} on average"


def _units(found: Findings) -> Iterator[tuple[str, str]]:
    for layer in found.units.layers:
        yield (
            layer.name,
            f"{layer.dead:.0%} of {len(layer.scores)} units dead, {layer.dormant:.0%} dormant (score at most "
            f"{DORMANT}; {found.observed})",
        )
    yield "effective rank of the last hidden layer", f"{found.units.rank} of {len(found.units.singular)}"
    norms = [f"{name} {now:.3g} ({fresh:.3g})" for name, (now, fresh) in norms_of(found.run).items()]
    yield "norms of weights (in a fresh network)", ", ".join(norms)
    yield "target network", f"{target_distance(found.run):.2%} of the network's norm away from it"


def _replay(found: Findings) -> Iterator[tuple[str, str]]:
    replay = found.replay
    if replay is None:
        yield "replay", "the checkpoint has no rows with it: no journal, or an empty replay buffer"
        return
    run = found.run
    drawn = run.trainer.steps * run.config.batch_size / max(run.counters.env_steps, 1)
    ages = run.counters.iteration - replay.iterations
    yield (
        "replay",
        f"{len(replay):,} of {run.config.buffer_size:,} rows, {np.median(ages):.0f} iterations old in the median and "
        f"{ages.max()} at most; a row was drawn {drawn:.0f} times so far on average",
    )
    yield (
        "ends in the replay",
        f"{replay.terminated.mean():.2%} of the rows terminate, {replay.truncated.mean():.3%} are truncated; "
        f"mean reward {replay.rewards.mean():.3g}",
    )
    yield "returns in the replay", _returns(replay)
    yield "priorities", _priorities(replay, found.run)


def _returns(replay: Replayed) -> str:
    if not replay.episodes:
        return "no whole episode"
    halves = np.array_split([total for _, total, _ in replay.episodes], 2)
    sentence = f"{len(replay.episodes)} whole episodes; "
    for name, half in zip(("older", "newer"), halves, strict=True):
        if len(half):
            low, middle, high = np.quantile(half, [0.1, 0.5, 0.9])
            sentence += f"{name} half {middle:.1f} in the median, 80 % between {low:.1f} and {high:.1f}; "
    lengths = [length for _, _, length in replay.episodes]
    return sentence + f"length {np.median(lengths):.0f} in the median"


def _priorities(replay: Replayed, run: LoadedRun) -> str:
    if replay.priorities is None:
        return "none: draws are uniform" if run.config.prioritized is None else "not readable: rows are missing"
    p = replay.priorities / replay.priorities.sum()
    top = np.sort(p)[::-1][: max(len(p) // 100, 1)].sum()
    ends = p[replay.terminated].sum()
    ages = len(p) - 1 - np.arange(len(p))
    return (
        f"1 % of the rows have {top:.0%} of the draws, terminated rows {ends:.1%}; as if {1 / (p**2).sum():,.0f} rows "
        f"were drawn uniformly; a drawn row is {(p * ages).sum():,.0f} steps old on average, {ages.mean():,.0f} if "
        "draws were uniform"
    )


def shares(actions: np.ndarray, run: LoadedRun) -> np.ndarray:
    """The share (actions,) of each action."""
    return np.bincount(actions.astype(int), minlength=number_of_actions(run.agent.spec)) / len(actions)


def _listed(parts: np.ndarray) -> str:
    return ", ".join(f"{action}: {part:.0%}" for action, part in enumerate(parts))
