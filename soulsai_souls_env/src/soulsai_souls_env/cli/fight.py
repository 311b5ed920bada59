"""`soulsai fight`: run fights of an agent in the simulated game, and draw the last one as a GIF."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "let an agent fight in the simulated game, and draw the fight"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The agent, the boss, the number of fights, and the file of the drawing."""
    parser.add_argument(
        "--agent",
        default="random",
        metavar="AGENT",
        help="random, attack, or the folder of a run or of its best_model, such as saves/… (default: random)",
    )
    parser.add_argument(
        "--boss", choices=("iudex", "vordt"), default="iudex", help="the boss to fight against (default: iudex)"
    )
    parser.add_argument("--fights", type=int, default=1, metavar="N", help="number of fights (default: 1)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of game and agent (default: 0)")
    parser.add_argument("--gif", type=Path, metavar="FILE", help="draw the last fight into this file")


def run(args: argparse.Namespace) -> int:
    """Run the fights and print their results."""
    # Here instead of at the top: `soulsai --help` imports this module.
    from soulsai_core import ConfigError
    from soulsai_souls_env.agents import find_agent
    from soulsai_souls_env.config import boss_config
    from soulsai_souls_env.drawing import save_gif
    from soulsai_souls_env.fight import FightRunner
    from soulsai_souls_env.spaces import read_spec

    if args.fights < 1:
        raise ConfigError(f"--fights is {args.fights}; it takes 1 or more.")
    config = boss_config(args.boss)
    agent = find_agent(args.agent, args.seed, read_spec(config))
    runner = FightRunner(config, args.seed, record=args.gif is not None)
    fights = [runner.fight(agent) for _ in range(args.fights)]
    runner.close()
    for fight in fights[-10:]:
        outcome = "won" if fight.won else f"lost, with {fight.boss_hp:.0%} of the boss' health left"
        print(f"{outcome}; return {fight.total_reward:.2f}")
    print(f"{sum(fight.won for fight in fights)} of {len(fights)} fights won")
    if args.gif is not None:
        save_gif(fights[-1], args.gif, args.boss)
        print(f"The last fight is drawn in {args.gif}")
    return 0
