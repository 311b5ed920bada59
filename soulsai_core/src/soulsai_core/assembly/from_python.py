"""Nodes and clients for use from Python, without the command line: they make their connection, and close it."""

from __future__ import annotations

from typing import ClassVar

from soulsai_core.assembly.nodes import (
    connect_to,
    create_folder,
    make_client,
    node_parts,
    open_transport,
    wait_for_announcement,
)
from soulsai_core.client.client import Client
from soulsai_core.config import Config, resolve
from soulsai_core.node.training import TrainingNode
from soulsai_core.plugins.catalog import Catalog


class AlgorithmTrainingNode(TrainingNode):
    """A training node of one algorithm, whatever the configuration names, in a new folder under `config.run.saves`.
    Its connection is its own, and closed once it has run.

    Args:
        config: all settings, from `soulsai_core.load_config`; `redis.address` names a running server.

    Attributes:
        algorithm: the name in the group `soulsai.algorithms`; subclasses say it.
    """

    algorithm: ClassVar[str]

    def __init__(self, config: Config) -> None:
        if config.algorithm.name != self.algorithm:  # what is set for it is kept, and checked by its own model
            part = config.algorithm.model_copy(update={"name": self.algorithm})
            config = config.model_copy(update={"algorithm": part})
        resolved = resolve(config, Catalog())
        self._connection = open_transport(config.redis, config.run.name)
        super().__init__(**node_parts(resolved, self._connection, create_folder(resolved)))

    def run(self) -> str:
        try:
            return super().run()
        finally:
            self._connection.close()


def join(address: str, run: str = "main", *, password: str | None = None, seed: int | None = None) -> Client:
    """A client of the training at this server, once its node is there; call its `run`. Its connection is its own, and
    closed once it has run."""
    transport = connect_to(address, run, password)
    announcement = wait_for_announcement(transport, lambda: True)
    assert announcement is not None
    return make_client(announcement, transport, seed=seed, left=transport.close)
