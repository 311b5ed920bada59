"""`soulsai train --serial`: one process and one environment, the same from run to run."""

from __future__ import annotations

import argparse
import secrets
import time
from contextlib import ExitStack
from pathlib import Path

from soulsai_core.assembly.node import create_folder
from soulsai_core.assembly.serial import SerialTraining
from soulsai_core.cli.agents.models import starting_point
from soulsai_core.cli.display import QuietConsole, log_file, start_logging
from soulsai_core.cli.interrupts import on_interrupt
from soulsai_core.cli.options import config_from
from soulsai_core.cli.training.capacity import check_capacity
from soulsai_core.cli.training.ending import print_end
from soulsai_core.cli.training.resume import (
    announced,
    chosen_folder,
    further,
    how_it_ended,
    how_to_go_on,
    keep_config_file,
    resumed_config,
)
from soulsai_core.config import resolve
from soulsai_core.config.seeding import seeded
from soulsai_core.plugins.catalog import Catalog


def train_serially(args: argparse.Namespace) -> int:
    """Train in this process, and print where the model is. Returns the exit code."""
    console = QuietConsole(markup=False, emoji=False)
    start_logging(console, tracebacks=False)
    args, start = starting_point(args)
    config = config_from(args)
    resumed = None
    ended = ""
    if args.resume is not None:
        resumed = chosen_folder(args.resume, Path(config.run.saves), time.time())
        ended = how_it_ended(resumed, time.time())
        config = resumed_config(args, resumed)
    config = seeded(config, lambda: secrets.randbelow(2**31))
    with ExitStack() as stack:
        resolved = resolve(config, Catalog())
        folder = resumed or create_folder(resolved)
        if resumed is None:
            stack.callback(folder.discard_unused)
        stack.enter_context(folder.held(time.time()))
        stack.enter_context(log_file(folder.logs / "training-node.log"))
        check_capacity(resolved, folder.path)
        training = SerialTraining(resolved, folder)
        if start is not None:
            training.begin(start)
        if resumed is not None:
            training.resume()
            before = training.state
            sentence = announced(folder, before.iteration, before.env_steps, ended)
            console.print(sentence, highlight=False, soft_wrap=True)
            if (goal := training.goal_reached()) is not None:
                sentence = how_to_go_on(folder, goal, f" --serial{further(training.beyond_goal())}")
                console.print(sentence, highlight=False, soft_wrap=True)
                return 0
        keep_config_file(args, folder)
        console.print(
            f"Training {folder.name} serially with the seed {config.run.seed}; Ctrl-C ends it after the episode.",
            highlight=False,
            soft_wrap=True,
        )
        with on_interrupt(training.stop, lambda: None):
            reason = training.run()
    print_end(folder, training.latest, reason, f" --serial{further(training.beyond_goal())}", console)
    return 0
