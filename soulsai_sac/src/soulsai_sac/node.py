"""The training node with SAC, for use from Python."""

from __future__ import annotations

from soulsai_core import AlgorithmTrainingNode


class SACTrainingNode(AlgorithmTrainingNode):
    """A training node whose algorithm is SAC, in a new folder under `config.run.saves`.

    Args:
        config: all settings, from `soulsai_core.load_config`; `redis.address` names a running server.
    """

    algorithm = "sac"
