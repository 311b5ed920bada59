"""The events of a short run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soulsai_core.messages import ClientInfo, Episode, SettingChange

CLIENT = ClientInfo(id="client-1", host="here", env_steps=40, episodes=2, steps_per_second=9.5)

CHANGE = SettingChange(
    time=1.7e9,
    name="algorithm.config.learning_rate",
    before=1e-3,
    after=1e-4,
    origin="anna on pc-1",
    iteration=3,
    env_steps=60,
)


def example_events(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a short run: every hook, in an order that can occur."""
    yield "training_started", {"run": "run-1", "folder": folder, "resumed": False}
    yield "client_joined", {"client": CLIENT}
    for number in range(1, 4):
        yield "samples_received", {"client": CLIENT.id, "admitted": 20, "rejected": {"stale": number}}
        yield "episode_finished", {"episode": example_episode(number)}
        metrics = {"loss": 1.0 / number}
        yield "model_updated", {"iteration": number, "env_steps": 20 * number, "seconds": 0.01, "metrics": metrics}
        yield "weights_published", {"iteration": number, "size": 1024, "seconds": 0.001}
    yield "setting_changed", {"change": CHANGE}
    yield "checkpoint_saved", {"path": folder / "checkpoint", "iteration": 3, "kind": "final"}
    yield "client_lost", {"client": CLIENT}
    yield "training_stopped", {"reason": "the goal is reached"}


def example_episode(number: int) -> Episode:
    return Episode(
        id=f"{CLIENT.id}-{number}",
        client=CLIENT.id,
        total_reward=1.5 * number,
        length=20,
        iteration=number,
        seconds=0.5,
        complete=number != 2,
        metrics={"epsilon": 1.0 / number},
    )
