"""Telemetry for SoulsAI: the names that connectors of the telemetry node may rely on.

`__init__.pyi` lists them once. Each is imported when it is first used: the help of the commands needs none of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
