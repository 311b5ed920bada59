"""Transports: over Redis, in memory, and a Redis server for one machine.

This module imports no client library, so that `soulsai --help` starts fast.
"""

from soulsai_core.transport.limits import StreamLimits as StreamLimits
