"""What passes between a client and the process of its environment: one kind of message a letter, and no pickle."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from soulsai_core.messages import Step

RESET = b"r"
ACT = b"a"
CLOSE = b"c"
READY = b"n"
STEP = b"s"
FAILURE = b"f"
NOT_READY = b"w"
MISTAKE = b"m"


def _plain(array: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    return array.dtype.str, array.shape, array.tobytes()


def _array(_type: type[np.ndarray], plain: Any) -> np.ndarray:
    dtype, shape, data = plain
    return np.frombuffer(data, dtype).reshape(shape)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_steps = msgspec.msgpack.Decoder(Step, dec_hook=_array)
_arrays = msgspec.msgpack.Decoder(np.ndarray, dec_hook=_array)


def encode(value: Step | np.ndarray) -> bytes:
    """A step or the actions of one."""
    return _encoder.encode(value)


def decode_step(payload: bytes | memoryview) -> Step:
    """The arrays are read-only views of the payload."""
    return _steps.decode(payload)


def decode_actions(payload: bytes | memoryview) -> np.ndarray:
    """Likewise."""
    return _arrays.decode(payload)
