"""Looks at a run of DQN: how it plays, its values against true returns, its units, its replay.

    python -m benchmarks.learning.look saves/RUN                    # its newest checkpoint
    python -m benchmarks.learning.look saves/RUN/best_model
    python -m benchmarks.learning.look saves/RUN --episodes 50 --set environment.config.game_speed=3

Prints a table, and writes a figure. Nothing of the run is changed; it may be running.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.learning.look.episodes import play
from benchmarks.learning.look.figure import draw
from benchmarks.learning.look.loading import LoadedRun, load
from benchmarks.learning.look.replayed import replayed_of
from benchmarks.learning.look.units import units_of
from benchmarks.learning.look.values import values_of
from benchmarks.learning.look.words import Findings, print_table
from soulsai_core import SoulsAIError


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run or of one of its checkpoints")
    parser.add_argument("--episodes", type=int, default=20, help="greedy episodes to play (default: 20)")
    parser.add_argument("--seed", type=int, default=10_000, help="of the episodes (default: 10000)")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings to change")
    parser.add_argument("--figure", type=Path, default=Path("look.png"), help="file of the figure (default: look.png)")
    args = parser.parse_args(words)
    if args.episodes < 1:
        parser.error("--episodes must be at least 1")
    torch.set_num_threads(1)
    try:
        found = look(load(args.run, args.set, args.seed), args.episodes, args.seed)
    except SoulsAIError as error:
        sys.exit(str(error))
    print_table(found)
    draw(found, args.figure)
    print(f"\nThe figure is {args.figure}.")


def look(run: LoadedRun, episodes: int, seed: int) -> Findings:
    """Measure everything."""
    played = play(run, episodes, seed)
    values = [values_of(run, episode) for episode in played]
    replay = replayed_of(run, np.random.default_rng(seed))
    if replay is not None and replay.features:
        return Findings(run, played, values, units_of(run, replay.features), replay, "for rows of the replay")
    features = {name: np.concatenate([one.features[name] for one in played])[:4096] for name in played[0].features}
    return Findings(run, played, values, units_of(run, features), replay, "for steps of the greedy episodes")


if __name__ == "__main__":
    main()
