"""Any gymnasium environment, alone or vectorised, behind the `Environment` contract."""

from soulsai_core.gym_env.plugin import plugin

__all__ = ["plugin"]
