"""Distributed reinforcement learning on slow, real environments. The names here are what plugins may rely on.

`__init__.pyi` lists them once, for type checkers and for this module. Each is imported when it is first asked for, so
that `soulsai --help` answers without numpy, pydantic and the rest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
