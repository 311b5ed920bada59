"""The training node with DQN, for use from Python."""

from __future__ import annotations

from soulsai_core import Config, TrainingNode, Transport, node_parts_for


class DQNTrainingNode(TrainingNode):
    """A training node whose algorithm is DQN, in a new folder under `config.run.saves`. Its connection is its own, and
    closed once it has run.

    Args:
        config: all settings, from `soulsai_core.load_config`; `redis.address` names a running server.
    """

    def __init__(self, config: Config) -> None:
        parts = node_parts_for("dqn", config)
        self._connection: Transport = parts["transport"]
        super().__init__(**parts)

    def run(self) -> str:
        try:
            return super().run()
        finally:
            self._connection.close()
