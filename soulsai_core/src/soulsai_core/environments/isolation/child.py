"""The child process: makes the environment, answers the client's requests, and ends when the client has ended."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection

from soulsai_core.contracts import Environment
from soulsai_core.environments.isolation.codec import (
    ACT,
    CLOSE,
    FAILURE,
    MISTAKE,
    NOT_READY,
    RAISED,
    READY,
    RESET,
    STEP,
    decode_actions,
    encode,
)
from soulsai_core.errors import EnvironmentNotReady, EnvironmentRaised, PluginError, SoulsAIError
from soulsai_core.lifetime import follow_parent

log = logging.getLogger(__name__)


def serve(connection: Connection, make: Callable[[], Environment], *, of_main_thread: bool) -> None:
    """Make the environment, and answer requests until the one to close it.

    Args:
        of_main_thread: this process was started by the main thread of its parent, which ends together with the parent.
    """
    follow_parent(of_main_thread=of_main_thread)
    # Ctrl-C in a terminal, and its end, reach both processes: the client finishes its step first, and then closes this
    # one.
    for name in ("SIGINT", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        environment = make()
    except Exception as error:
        connection.send_bytes(_failure(error))
        return
    try:
        connection.send_bytes(READY + str(environment.num_envs).encode())
        while (request := connection.recv_bytes())[:1] != CLOSE:
            connection.send_bytes(_answer(environment, request))
    except (EOFError, OSError):
        pass  # the client has ended
    finally:
        _close(environment)


def _close(environment: Environment) -> None:
    try:
        environment.close()
    except Exception as error:  # this process ends in any case, and with it what the environment holds
        log.warning("The environment could not be closed: %s: %s", type(error).__name__, error)


def _answer(environment: Environment, request: bytes) -> bytes:
    kind = request[:1]
    body = memoryview(request)[1:]
    try:
        if kind == RESET:
            return STEP + encode(environment.reset())
        assert kind == ACT
        return STEP + encode(environment.step(decode_actions(body)))
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> bytes:
    kind = NOT_READY if isinstance(error, EnvironmentNotReady) else FAILURE
    # What the environment raised may be gone after a restart. A result that breaks the contract comes again: such an
    # error has no cause, and the client does not restart the environment after it.
    if isinstance(error, PluginError):
        kind = MISTAKE if error.__cause__ is None else RAISED
    elif isinstance(error, EnvironmentRaised) or not isinstance(error, SoulsAIError):
        kind = RAISED
    sentence = str(error) if isinstance(error, SoulsAIError) else f"{type(error).__name__}: {error}"
    # Names of files may have characters that UTF-8 has not.
    return kind + sentence.encode(errors="backslashreplace")
