"""The training node with PPO, for use from Python."""

from __future__ import annotations

from soulsai_core import Config, TrainingNode, Transport, node_parts_for


class PPOTrainingNode(TrainingNode):
    """A training node whose algorithm is PPO, in a new folder under `config.run.saves`. Its connection is its own, and
    closed once it has run.

    Args:
        config: all settings, from `soulsai_core.load_config`; `redis.address` names a running server.
    """

    def __init__(self, config: Config) -> None:
        parts = node_parts_for("ppo", config)
        self._connection: Transport = parts["transport"]
        super().__init__(**parts)

    def run(self) -> str:
        try:
            return super().run()
        finally:
            self._connection.close()
