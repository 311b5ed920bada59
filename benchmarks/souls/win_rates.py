"""How often agents win against the simulated boss: yardsticks that learn nothing, and trained models.

python -m benchmarks.souls.win_rates                                # the yardsticks
python -m benchmarks.souls.win_rates --train 5 --steps 300000       # and the preset, over 5 seeds
python -m benchmarks.souls.win_rates --train 5 --plain              # and plain double DQN at replay ratio 1
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.common import Row, run_alone, say
from soulsai_core import load_agent
from soulsai_souls_env.agents import YARDSTICKS, Agent
from soulsai_souls_env.config import SoulsConfig
from soulsai_souls_env.fight import Ring

COMMAND = "python -m benchmarks.souls.win_rates"
GREEDY = ["algorithm.config.epsilon.end=0"]
PLAIN = ["head=scalar", "dueling=false", "prioritized=null", "layer_norm=false", "n_step=1", "replay_ratio=1"]
TARGETS = {"random": 1.0, "attack": 20.0}
WINDOW = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fights", type=int, default=300, help="fights of each agent")
    parser.add_argument("--train", type=int, default=0, metavar="SEEDS", help="trainings with the preset")
    parser.add_argument("--steps", type=int, default=300_000, help="environment steps of each training")
    parser.add_argument("--plain", action="store_true", help="compare with plain double DQN at replay ratio 1")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="further settings of all trainings")


def measure(args: argparse.Namespace) -> list[Row]:
    rows = []
    for name, make in YARDSTICKS.items():
        rate = _win_rate(make(0), args.fights)
        rows.append(Row(f"wins of the agent {name!r}", rate, TARGETS[name], "%", COMMAND, at_most=True))
    if args.train:
        rows += _trained(args)
    return rows


def _trained(args: argparse.Namespace) -> list[Row]:
    command = f"{COMMAND} --train {args.train}"
    rates, halves = _train(args, args.set)
    note = f"least {min(rates):.0f}, seeds {len(rates)}"
    rows = [Row(f"greedy wins after {args.steps:,} steps", median(rates), 60, "%", command, note=note)]
    rows.append(Row("steps until half of the fights are won", median(halves), None, "steps", command))
    if args.plain:
        plain = [f"algorithm.config.{setting}" for setting in PLAIN]
        _, slow = _train(args, [*args.set, *plain])
        factor = median(slow) / median(halves)
        rows.append(Row("the same, times fewer than plain double DQN", factor, 3, "x", f"{command} --plain"))
    return rows


def _train(args: argparse.Namespace, settings: list[str]) -> tuple[list[float], list[float]]:
    """Win rates and steps until half of the fights are won, a seed each."""
    rates, halves = [], []
    for seed in range(1, args.train + 1):
        with tempfile.TemporaryDirectory() as folder:
            run = _run(Path(folder), seed, args.steps, settings)
            actor = load_agent(run, GREEDY, seed=seed).actor
            rates.append(_win_rate(lambda seen, masks: int(actor.act(seen, masks)[0]), args.fights))  # noqa: B023
            halves.append(_steps_to_half(run))
        say(f"seed {seed}: {rates[-1]:.0f} % greedy, half won after {halves[-1]:,.0f} steps")
    return rates, halves


def _run(folder: Path, seed: int, steps: int, settings: list[str]) -> Path:
    overrides = [f"run.saves={folder}", f"training.stop.env_steps={steps}", *settings]
    command = [sys.executable, "-m", "soulsai_core", "train", "--preset", "iudex-simulated", "--no-telemetry"]
    command += ["--clients", "1", "--seed", str(seed), *(word for one in overrides for word in ("--set", one))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return next(path for path in folder.iterdir() if (path / "checkpoint").is_dir())


def _steps_to_half(run: Path) -> float:
    """Environment steps after which half of the last fights were won, inf if that never was."""
    lines = (run / "episodes.jsonl").read_text(encoding="utf-8").splitlines()
    episodes = [episode for episode in map(json.loads, lines) if episode["complete"]]
    won = [episode["metrics"]["won"] for episode in episodes]
    for end in range(WINDOW, len(won) + 1):
        if sum(won[end - WINDOW : end]) >= WINDOW / 2:
            return episodes[end - 1]["env_steps"]
    return float("inf")


def _win_rate(agent: Agent, fights: int) -> float:
    ring = Ring(SoulsConfig(init_pose_randomization=True), seed=12345)
    won = sum(ring.fight(agent).won for _ in range(fights))
    ring.close()
    return 100 * won / fights


if __name__ == "__main__":
    run_alone(measure, add_arguments, __doc__)
