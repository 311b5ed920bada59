"""The messages between a client and the process of its environment. The first byte is the kind; nothing is pickled."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from soulsai_core.messages import Step

# Requests of the client.
RESET = b"r"
ACT = b"a"
CLOSE = b"c"

# Answers of the process: it has an environment, a step, or an error.
READY = b"n"
STEP = b"s"
FAILURE = b"f"
NOT_READY = b"w"
MISTAKE = b"m"
RAISED = b"x"


def _plain(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, array.tobytes()


def _array(_type: type[np.ndarray], plain: Any) -> np.ndarray:
    dtype, shape, data = plain
    return np.frombuffer(data, dtype).reshape(shape)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_steps = msgspec.msgpack.Decoder(Step, dec_hook=_array)
_arrays = msgspec.msgpack.Decoder(np.ndarray, dec_hook=_array)


def encode(value: Step | np.ndarray) -> bytes:
    """The bytes of a step, or of an array of actions."""
    return _encoder.encode(value)


def decode_step(payload: bytes | memoryview) -> Step:
    """The step of `encode`. Its arrays are read-only views of the payload."""
    return _steps.decode(payload)


def decode_actions(payload: bytes | memoryview) -> np.ndarray:
    """The actions of `encode`, a read-only view of the payload."""
    return _arrays.decode(payload)
