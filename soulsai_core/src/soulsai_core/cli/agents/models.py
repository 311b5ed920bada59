"""Options that choose a trained model: `RUN`, `--best` and `--checkpoint`."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from soulsai_core.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from soulsai_core.assembly.starting_point import StartingPoint
    from soulsai_core.run_folder import RunFolder


log = logging.getLogger(__name__)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """RUN, --best, --checkpoint, --saves and --set."""
    from soulsai_core.cli.options import add_set_argument

    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="folder of a run or of one of its checkpoints, or a run's name (default: the newest run)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--best", action="store_true", help="use its best model (default: its newest)")
    which.add_argument(
        "--checkpoint", metavar="FOLDER", help="use one of its checkpoints, such as manual_save/iteration-00000100"
    )
    parser.add_argument(
        "--saves", type=Path, default=Path("saves"), metavar="FOLDER", help="folder with the runs (default: saves)"
    )
    add_set_argument(parser)


def chosen_model(args: argparse.Namespace) -> tuple[RunFolder, Path]:
    """The run and the checkpoint that the options name."""
    from soulsai_core.run_folder import RunFolder

    run, newest = find_model(args.run, args.saves)
    if args.best:
        best = run.best_model
        if not best.is_dir() and not best.with_name(f"{best.name}.old").is_dir():
            raise CheckpointError(f"{run.path} has no best_model yet: leave out --best for its newest model.")
        return run, best
    if args.checkpoint:
        named = (run.path / args.checkpoint, Path(args.checkpoint))
        model = next((path for path in named if path.is_dir()), None)
        if model is None:
            raise CheckpointError(f"There is no folder {args.checkpoint} in {run.path}.")
        return RunFolder.holding(model)
    return run, newest


def find_model(name: str | None, saves: Path) -> tuple[RunFolder, Path]:
    """The run and the checkpoint of a folder, of a run's name below `saves`, or of the newest run there."""
    from soulsai_core.cli.runs import killed_start, newest_first, run_path, runs_with
    from soulsai_core.run_folder import CONFIG, RunFolder

    if name is None:
        models = newest_first(run for run in runs_with(CONFIG, saves) if run.has_checkpoint)
        start = killed_start(saves, models[0] if models else None)
        if not models:
            advice = start or "Name the folder of a run, or give --saves."
            raise ConfigError(f"There is no trained model under {saves}. {advice}")
        if start:
            log.warning("%s The newest run is %s.", start, models[0].name)
        return models[0], models[0].checkpoint
    path = run_path(name, saves)
    if not path.is_dir():
        raise CheckpointError(f"There is no folder {name}, and no run {name} under {saves}.")
    return RunFolder.holding(path)


def one_environment(resolved_config: object, overrides: list[str]) -> tuple[str, ...]:
    """The overrides, and one that asks for a single environment if the plugin's settings have `num_envs`."""
    single = ["environment.config.num_envs=1"] if hasattr(resolved_config, "num_envs") else []
    return (*single, *overrides)


def starting_point(args: argparse.Namespace) -> tuple[argparse.Namespace, StartingPoint | None]:
    """The arguments of a training and what it begins with, None without --from. The settings of that run count where no
    --config names others, and those of a --preset above them: below, as they lie for a config.yaml, all of them would
    be overridden, since a run saves every setting that there is."""
    if args.source is None:
        if args.take is not None:
            raise ConfigError("--take says what to take of another run: name the run with --from.")
        return args, None
    if args.resume is not None:
        raise ConfigError("--from begins a new run and --resume continues one: give one of them.")
    from soulsai_core.assembly.starting_point import StartingPoint
    from soulsai_core.config.layers import presets_as_overrides

    run, model = find_model(args.source, Path("saves"))
    start = StartingPoint(model, weights=args.take != "steps", steps=args.take in ("steps", "both"))
    if args.config is not None:
        return args, start
    overrides = [*presets_as_overrides(args.set), *args.set]
    return argparse.Namespace(**{**vars(args), "config": run.config, "set": overrides}), start
