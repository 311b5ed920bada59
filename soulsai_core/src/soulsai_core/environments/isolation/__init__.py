"""An environment in a process of its own, so that it can hang or crash without harm to the client."""

from soulsai_core.environments.isolation.environment import IsolatedEnvironment, installed

__all__ = ["IsolatedEnvironment", "installed"]
