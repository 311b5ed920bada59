"""Ways for bytes: Redis, its twin in memory, and a server for one machine. Nothing here imports a client library."""

from soulsai_core.transport.limits import StreamLimits as StreamLimits
