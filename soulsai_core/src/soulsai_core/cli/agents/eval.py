"""`soulsai eval`: how good an agent is, from many episodes with fixed seeds, played in several processes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soulsai_core.cli.agents.models import add_model_arguments, chosen_model, find_model, one_environment
from soulsai_core.cli.math_threads import use_one_thread
from soulsai_core.errors import ConfigError

if TYPE_CHECKING:
    from soulsai_core.agents.summary import Comparison, Summary
    from soulsai_core.assembly.evaluating import Played
    from soulsai_core.config import Resolved
    from soulsai_core.run_folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, the episodes, and what to compare it with."""
    add_model_arguments(parser)
    parser.add_argument("--episodes", type=int, default=100, metavar="N", help="episodes to play (default: 100)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the first episode, the next has N + 1 (default: 0)"
    )
    parser.add_argument("--against", metavar="RUN", help="a second run or checkpoint, on the same seeds")
    parser.add_argument(
        "--processes", type=int, metavar="N", help="processes (default: one for each core; 1 with client.isolate)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON with each episode, for programs")


def run(args: argparse.Namespace) -> int:
    """Play the episodes, and print the statistics of their returns."""
    use_one_thread()
    import msgspec
    import numpy as np

    from soulsai_core.agents.summary import compare, summarize
    from soulsai_core.assembly.saved_settings import saved_settings
    from soulsai_core.cli.agents.comparable import other_settings, refuse_other_environment

    for name, least in (("episodes", 1), ("processes", 1), ("seed", 0)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise ConfigError(f"--{name} is {value}; it takes {least} or more.")
    models = [chosen_model(args)]
    if args.against is not None:
        models.append(find_model(args.against, args.saves))
    settings = [saved_settings(run, args.set) for run, _ in models]
    if args.against is not None:
        refuse_other_environment(*settings)
        if sentence := other_settings(*settings):
            print(sentence, file=sys.stderr)
    played = [_play(args, *model, resolved) for model, resolved in zip(models, settings, strict=True)]
    returns = [[episode.total_reward for episode in episodes] for episodes in played]
    # The same returns give the same interval, so each has a generator of the same seed.
    summaries = [summarize(part, np.random.default_rng(0)) for part in returns]
    comparison = compare(returns[0], returns[1], np.random.default_rng(0)) if len(returns) == 2 else None
    if args.json:
        results = [_result(*part) for part in zip(models, played, summaries, strict=True)]
        answer = {"agents": results, "comparison": comparison}
        print(msgspec.json.encode(answer).decode())
    else:
        print("\n".join(_lines(args, models, played, summaries, comparison)))
    return 0


def _play(args: argparse.Namespace, run: RunFolder, model: Path, resolved: Resolved) -> list[Played]:
    """The results in the order of the seeds."""
    from soulsai_core.assembly.evaluating import Evaluation, evaluate, usable_cores
    from soulsai_core.node.saving.saver import evaluation_weights

    overrides = one_environment(resolved.environment_config, args.set)
    # A game that needs a process of its own is there once.
    processes = args.processes or (1 if resolved.config.client.isolate else usable_cores())
    seeds = range(args.seed, args.seed + args.episodes)
    evaluation = Evaluation(run.path, evaluation_weights(model), seeds, overrides)
    episodes: list[Played] = []
    shows = sys.stderr.isatty()
    for episode in evaluate(evaluation, processes):
        episodes.append(episode)
        if shows:
            print(f"\r{len(episodes)} of {args.episodes} episodes", end="", file=sys.stderr, flush=True)
    if shows:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return sorted(episodes, key=lambda episode: episode.seed)


def _result(model: tuple[RunFolder, Path], episodes: Sequence[Played], summary: Summary) -> dict[str, Any]:
    run, checkpoint = model
    return {
        "run": run.name,
        "checkpoint": str(checkpoint),
        "iteration": episodes[0].iteration,
        "returns": summary,
        "episodes": episodes,
    }


def _lines(
    args: argparse.Namespace,
    models: Sequence[tuple[RunFolder, Path]],
    played: Sequence[Sequence[Played]],
    summaries: Sequence[Summary],
    comparison: Comparison | None,
) -> list[str]:
    from soulsai_core.node.formatting import plain_lines

    names = [f"{checkpoint.name} of {run.name}" for run, checkpoint in models]
    iterations = [f"iteration {episodes[0].iteration:,}" for episodes in played]
    labels = ["A", "B"] if comparison is not None else [""]
    parts = zip(labels, names, iterations, strict=True)
    head = [f"{label}  {name}, {iteration}".strip() for label, name, iteration in parts]
    last = args.seed + args.episodes - 1
    head.append(f"{args.episodes} episodes without exploration, seeds {args.seed} to {last}")
    columns = [_column(summary) for summary in summaries]
    title = ["return", *labels] if comparison is not None else ["return", ""]
    if comparison is not None:
        columns.append(_column(comparison.difference))
        title.append("A - B")
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    lines = [*head, "", *plain_lines([title, *rows])]
    if comparison is not None:
        lines += ["", _verdict(comparison)]
    return lines


def _column(summary: Summary) -> dict[str, str]:
    from soulsai_core.node.formatting import number

    low, high = summary.interval
    return {
        "mean": number(summary.mean),
        "standard deviation": number(summary.deviation),
        "median": number(summary.median),
        "interquartile mean": number(summary.interquartile_mean),
        "its 95% interval": f"{number(low)} to {number(high)}",
        "lowest and highest": f"{number(summary.lowest)} and {number(summary.highest)}",
    }


def _verdict(comparison: Comparison) -> str:
    low, high = comparison.difference.interval
    counts = f"A returned more on {comparison.better} seeds, B on {comparison.worse}."
    if low <= 0 <= high:
        return f"{counts} The interval of the difference contains 0: these episodes do not tell which is better."
    return f"{counts} {'A' if low > 0 else 'B'} is better: the interval of the difference does not contain 0."
