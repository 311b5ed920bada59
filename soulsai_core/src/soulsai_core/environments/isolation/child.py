"""The other process: plays what it is told to, and leaves when the client is gone, however it went."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from soulsai_core.contracts import Environment
from soulsai_core.environments.isolation.codec import (
    ACT,
    CLOSE,
    FAILURE,
    MISTAKE,
    NOT_READY,
    READY,
    RESET,
    STEP,
    decode_actions,
    encode,
)
from soulsai_core.errors import EnvironmentNotReady, PluginError, SoulsAIError


def serve(connection: Connection, make: Callable[[], Environment]) -> None:
    """Make the environment and answer until told to close it. Ctrl-C is the client's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, name="parent-watch", daemon=True).start()
    try:
        environment = make()
    except Exception as error:
        connection.send_bytes(_failure(error))
        return
    try:
        connection.send_bytes(READY + str(environment.num_envs).encode())
        while (order := connection.recv_bytes())[:1] != CLOSE:
            connection.send_bytes(_answer(environment, order))
    except (EOFError, OSError):  # the client is gone
        pass
    finally:
        environment.close()


def _answer(environment: Environment, order: bytes) -> bytes:
    kind = order[:1]
    body = memoryview(order)[1:]
    try:
        if kind == RESET:
            return STEP + encode(environment.reset())
        assert kind == ACT
        return STEP + encode(environment.step(decode_actions(body)))
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> bytes:
    """What it raised may not happen again after a new start; what does not fit its contract will."""
    kind = NOT_READY if isinstance(error, EnvironmentNotReady) else FAILURE
    if isinstance(error, PluginError) and error.__cause__ is None:
        kind = MISTAKE
    sentence = str(error) if isinstance(error, SoulsAIError) else f"{type(error).__name__}: {error}"
    return kind + sentence.encode()


def _leave_with_parent() -> None:
    """A hung environment cannot be asked, and must not stay behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
