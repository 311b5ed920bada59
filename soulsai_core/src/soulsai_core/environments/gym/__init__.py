"""Environments of gymnasium, single or vectorized, with the `Environment` contract."""

from soulsai_core.environments.gym.plugin import plugin

__all__ = ["plugin"]
