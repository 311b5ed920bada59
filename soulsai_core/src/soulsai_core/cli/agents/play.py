"""`soulsai play`: watch an agent play, in a window or as a video."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soulsai_core.cli.agents.models import add_model_arguments, chosen_model, one_environment
from soulsai_core.cli.math_threads import use_one_thread
from soulsai_core.errors import ConfigError, SoulsAIError

if TYPE_CHECKING:
    import numpy as np

    from soulsai_core.agents.agent import Agent
    from soulsai_core.contracts import Environment
    from soulsai_core.messages import Episode, Step


_HOLD_S = 1.5
"""Seconds for which the last picture of an episode stays, so that the outcome is seen."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model, where to show it, and how it acts."""
    add_model_arguments(parser)
    parser.add_argument(
        "--video", type=Path, metavar="FILE", help="record a video to this .mp4 or .gif file (default: show a window)"
    )
    parser.add_argument("--episodes", type=int, default=1, metavar="N", help="episodes to play (default: 1)")
    parser.add_argument("--explore", action="store_true", help="explore as in training (default: without exploration)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of environment and agent (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Play the episodes, and print what each returned."""
    use_one_thread()
    from soulsai_core.agents.window import pictures_without_display
    from soulsai_core.assembly.agents import load_agent
    from soulsai_core.assembly.saved_settings import saved_settings

    if args.episodes < 1:
        raise ConfigError(f"--episodes is {args.episodes}; it takes 1 or more.")
    if args.seed < 0:
        raise ConfigError(f"--seed is {args.seed}; it takes 0 or more.")
    if args.video is not None:
        from soulsai_core.agents.video import check_video

        check_video(args.video)
    run, model = chosen_model(args)
    overrides = one_environment(saved_settings(run, args.set).environment_config, args.set)
    agent = load_agent(model, overrides, explore=args.explore, seed=args.seed)
    shown = agent.environment.shown
    config = agent.environment_config if shown is None else shown(agent.environment_config)
    with pictures_without_display() as no_display:
        environment = agent.environment.make(config, args.seed)
        try:
            played = f"{model.name} of {run.name}, iteration {agent.iteration:,}"
            _play(args, agent, environment, played, no_display=no_display)
        finally:
            environment.close()
    return 0


def _play(args: argparse.Namespace, agent: Agent, environment: Environment, played: str, *, no_display: bool) -> None:
    """Play the episodes. The model that is `played` is named before the first result: none may have been asked for."""
    screen = _Screen(args, agent, environment, no_display=no_display)
    try:
        for number, episode in enumerate(
            agent.play(args.episodes, environment=environment, watch=screen.show), start=1
        ):
            if number == 1:
                print(played)
            print(_result(number, episode, agent.actor.metrics().keys()))
    except _Closed:
        print("The window was closed.")
    finally:
        screen.close()
    if args.video is not None:
        print(f"The video is in {args.video}")


def _result(number: int, episode: Episode, of_actor: Collection[str]) -> str:
    """A line on an episode, with the numbers that the environment has reported at its end."""
    from soulsai_core.node import formatting

    line = f"Episode {number} returned {formatting.number(episode.total_reward)} in {episode.length:,} steps."
    reported = {name: value for name, value in episode.metrics.items() if name not in of_actor}
    return "  ".join([line, *(f"{name} {formatting.number(value)}" for name, value in reported.items())])


class _Closed(Exception):
    """The user has closed the window."""


class _Screen:
    """A video or a window. An environment without pictures, such as a game that shows itself, needs no window."""

    def __init__(self, args: argparse.Namespace, agent: Agent, environment: Environment, *, no_display: bool) -> None:
        from soulsai_core.agents.video import VideoWriter
        from soulsai_core.agents.window import Window

        self._environment = environment
        self._name = agent.spec.name
        self._films = args.video is not None
        self._fps = environment.frames_per_second
        title = f"{agent.spec.name}, iteration {agent.iteration}"
        self._output: Any = VideoWriter(args.video, self._fps) if self._films else Window(title, self._fps)
        self._no_display = no_display
        self._said = False

    def show(self, step: Step) -> None:
        picture = self._environment.picture()
        if picture is not None:
            ended = step.terminated.any() or step.truncated.any()
            for _ in range(1 + round(_HOLD_S * self._fps) if ended else 1):
                self._show(picture)
        elif self._films:
            raise SoulsAIError(f"{self._name} gives no pictures, so it cannot be filmed.")
        elif not self._said:
            self._said = True
            print(f"{self._name} gives no pictures, so no window opens.")

    def _show(self, picture: np.ndarray) -> None:
        from soulsai_core.agents.window import no_window

        if self._films:
            self._output.write(picture)
            return
        if self._no_display:
            raise no_window("there is no screen: neither DISPLAY nor WAYLAND_DISPLAY is set")
        self._output.show(picture)
        if self._output.closed:
            raise _Closed

    def close(self) -> None:
        self._output.close()
