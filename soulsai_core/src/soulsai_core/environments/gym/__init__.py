"""Any gymnasium environment, alone or vectorised, behind the `Environment` contract."""

from soulsai_core.environments.gym.plugin import plugin

__all__ = ["plugin"]
