"""`soulsai reset-best`: judge anew which model of a run is the best."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "forget the best score of a run, so that the next good model is saved as the best"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run."""
    parser.add_argument("run", metavar="RUN", help="the run's folder or its name")


def run(args: argparse.Namespace) -> int:
    """Leave the request in the run's folder, for the telemetry node that runs now or starts next."""
    from soulsai_core import ConfigError
    from soulsai_core.app import run_path
    from soulsai_telemetry.best_model import RESET

    state = run_path(args.run, Path("saves")) / "telemetry"
    if not state.is_dir():
        raise ConfigError(f"There is no folder {state}: name the folder of a run that telemetry has seen.")
    (state / RESET).touch()
    print("The best score is forgotten. The model in best_model stays until the next best one is saved.")
    return 0
