"""Public names for those who write commands: options, logging, connections, the folder of a run, an embedded server.

`app.pyi` lists them once. Each is imported when it is first used, so that the help of a command loads neither numpy nor
the client of Redis. Import them inside `add_arguments` and `run`, not at the top of a command's module.
"""

import lazy_loader

# The stub names modules of soulsai_core, so it is that package to which they are relative.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub("soulsai_core", __file__)
