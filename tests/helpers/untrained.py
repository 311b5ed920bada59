"""Folders of runs with the checkpoint of a network that has not learned anything."""

from __future__ import annotations

from pathlib import Path

from soulsai_core import Catalog, load_config
from soulsai_core.app import RunFolder
from soulsai_core.assembly.node import make_node
from soulsai_core.config import resolve
from soulsai_core.transport.memory import MemoryServer, MemoryTransport

CARTPOLE = ("environment.config.id=CartPole-v1", "algorithm.config.hidden=[8]")


def make_run(path: Path, *settings: str, seed: int = 0) -> RunFolder:
    """A run in this folder, with a checkpoint and its best model, of DQN on CartPole unless settings say otherwise."""
    overrides = ["telemetry.enabled=false", f"run.seed={seed}", *CARTPOLE, *settings]
    resolved = resolve(load_config(None, overrides, {}), Catalog())
    path.mkdir(parents=True)
    folder = RunFolder(path)
    node = make_node(resolved, MemoryTransport(MemoryServer()), folder, resume=False)
    node.save_config(folder.config)
    node.checkpoint(folder.checkpoint)
    node.checkpoint(folder.best_model)
    return folder
