"""What an earlier training node left in the server, and what a new one makes of it."""

from __future__ import annotations

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.messages import Progress


def take_over(transport: Transport, run_id: str, iteration: int) -> int:
    """Go on with this training at a checkpoint's iteration. Returns the iteration to begin with: clients may hold newer
    models than the checkpoint, and iterations never run backwards. What another training left is cleared away."""
    if _run_id_in(transport) not in (None, run_id):
        transport.clear()
        return iteration
    newer = transport.read_model(iteration)
    return iteration if newer is None else newer[0] + 1


def _run_id_in(transport: Transport) -> str | None:
    payload = transport.read_progress()
    if payload is None:
        return None
    try:
        return msgspec.msgpack.decode(payload, type=Progress).run_id
    except msgspec.DecodeError:
        return "unreadable"
