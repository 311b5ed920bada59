"""Training nodes and clients for use from Python, without the command line. Each has a connection of its own."""

from __future__ import annotations

import time
from typing import ClassVar

from soulsai_core.assembly.client import make_client, wait_for_announcement
from soulsai_core.assembly.connecting import connect_to, open_transport
from soulsai_core.assembly.node import create_folder, node_parts
from soulsai_core.client.client import Client
from soulsai_core.config import Config, resolve
from soulsai_core.node.training import TrainingNode
from soulsai_core.plugins.catalog import Catalog


class AlgorithmTrainingNode(TrainingNode):
    """A training node of one algorithm, in a new folder under `config.run.saves`.

    It opens a connection of its own, and closes it after `run`.

    Args:
        config: all settings, from `soulsai_core.load_config`; `redis.address` must name a running server. The
            algorithm that it names is replaced by that of this class.

    Attributes:
        algorithm: name in the entry-point group `soulsai.algorithms`; subclasses set it.
    """

    algorithm: ClassVar[str]

    def __init__(self, config: Config) -> None:
        if config.algorithm.name != self.algorithm:
            # Its `config` stays: the model of this class's algorithm checks it below.
            part = config.algorithm.model_copy(update={"name": self.algorithm})
            config = config.model_copy(update={"algorithm": part})
        resolved = resolve(config, Catalog())
        self._connection = open_transport(config.redis, config.run.name)
        super().__init__(**node_parts(resolved, self._connection, create_folder(resolved)))

    def run(self) -> str:
        try:
            with self.folder.held(time.time()):
                return super().run()
        finally:
            self._connection.close()


def join(address: str, run: str = "main", *, password: str | None = None, seed: int | None = None) -> Client:
    """A client of the training at this server; call its `run`. Waits until the training node is there.

    It opens a connection of its own, and closes it after `run`.

    Args:
        address: HOST, HOST:PORT or a redis://, rediss:// or unix:// URL.
        run: the setting `run.name` of the training.
        password: password of the server; None takes it from the address, if there is one.
        seed: seed of the environment and of exploration.
    """
    transport = connect_to(address, run, password)
    announcement = wait_for_announcement(transport, lambda: True)
    assert announcement is not None
    return make_client(announcement, transport, seed=seed, left=transport.close)
