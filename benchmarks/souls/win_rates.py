"""How often agents win against the simulated boss: baselines without learning, and trained models.

    python -m benchmarks.souls.win_rates                          # the baselines
    python -m benchmarks.souls.win_rates --train                  # and all seeds of settings/win_rates.yaml
    python -m benchmarks.souls.win_rates --train --seeds 1 2      # only these
    python -m benchmarks.souls.win_rates --train --seeds          # none: the table of the results
    python -m benchmarks.souls.win_rates --train --boss vordt --variants preset   # needs soulsgym's newest source

Each seed's result is written to a file at once and not run again, so that the same command continues an interrupted
trial.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import Row, run_alone
from benchmarks.souls.baselines import BASELINES, baseline, simulated, win_rate
from benchmarks.souls.trials import Trials
from soulsai_core import Agent
from soulsai_souls_env.config import SoulsConfig

COMMAND = "python -m benchmarks.souls.win_rates"
TARGETS = {"random": 1.0, "attack": 20.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--boss", choices=("iudex", "vordt"), default="iudex", help="to fight and to train against")
    parser.add_argument("--fights", type=int, default=300, help="fights of each agent")
    parser.add_argument("--train", action="store_true", help="train, too")
    parser.add_argument("--seeds", type=int, nargs="*", help="instead of those of the file of settings")
    parser.add_argument("--variants", nargs="+", help="instead of all in the file of settings")
    parser.add_argument("--env-steps", type=int, help="of each training, instead of those of the file of settings")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="further settings of all trainings")
    parser.add_argument("--results", type=Path, default=Path("results/souls_win_rates.jsonl"), help="file of results")


def measure(args: argparse.Namespace) -> list[Row]:
    if args.train:
        trials = Trials(args, lambda agent: win_rate(agent, args.fights, _fights_of(agent)), f"{COMMAND} --train")
        trials.run()
        return trials.rows()
    config = simulated(args.boss)
    rates = {name: win_rate(baseline(name, config), args.fights, config) for name in BASELINES}
    note = f"of {args.fights} fights against {args.boss}"
    return [
        Row(f"wins of the agent {name!r}", rate, TARGETS[name], "%", COMMAND, at_most=True, note=note)
        for name, rate in rates.items()
    ]


def _fights_of(agent: Agent) -> SoulsConfig:
    """The fights in which it was trained."""
    config = agent.environment_config
    assert isinstance(config, SoulsConfig)
    return config


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
