"""The client's side: an environment whose calls run in another process, each with a deadline."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from pydantic import BaseModel

from soulsai_core.contracts import Environment, EnvironmentPlugin
from soulsai_core.environments.isolation.child import serve
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
    decode_step,
    encode,
)
from soulsai_core.errors import EnvironmentFailure, EnvironmentNotReady, EnvironmentRaised, PluginError, SoulsAIError
from soulsai_core.lifetime import tie_to_this_process
from soulsai_core.messages import Step
from soulsai_core.plugins.checks import RunningCall

# Seconds for the process to close its environment and end, before it is killed.
_CLOSE_TIMEOUT = 5.0

_METHODS = {"start": "make", "reset": "Environment.reset", "step": "Environment.step"}


class IsolatedEnvironment(Environment):
    """Starts the process when it is made.

    A call beyond its deadline ends the process and raises EnvironmentFailure, as a crash does. A result that breaks the
    contract of environments raises PluginError. While the process computes a step, the client can do other work.

    Args:
        make: makes the environment in the other process; it must be importable there, as `installed(...)` is.
        step_timeout: seconds for a step; for an environment that resets within a step, reset included.
        start_timeout: seconds for the start, and for the first reset, which loads what later ones find there.
        reset_timeout: seconds for any other reset, and for a step that resets; None: as for the start.
        running: notes which call is running, for those who name calls that take long.
    """

    overlapping = True

    def __init__(
        self,
        make: Callable[[], Environment],
        *,
        step_timeout: float,
        start_timeout: float,
        reset_timeout: float | None = None,
        running: RunningCall | None = None,
    ) -> None:
        self._running = running or RunningCall("The environment", time.monotonic)
        self._step_timeout = step_timeout
        self._reset_timeout = start_timeout if reset_timeout is None else reset_timeout
        self._next_reset_timeout = start_timeout
        # Windows has "spawn" alone, and "fork" is not safe in a process with threads.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        of_main_thread = threading.current_thread() is threading.main_thread()
        self._process = context.Process(
            target=serve, args=(theirs, make), kwargs={"of_main_thread": of_main_thread}, name="environment"
        )
        try:
            self._process.start()
        except OSError as error:  # for want of memory, for example: it may be there later
            raise EnvironmentFailure(f"No process can be started for the environment: {error}.") from error
        assert self._process.pid is not None
        self._end_for_good = tie_to_this_process(self._process.pid)
        theirs.close()
        self._resets_next = True
        self._closed = False
        self._awaits_answer = False
        try:
            self.num_envs = int(self._receive(READY, start_timeout, "start"))
        except SoulsAIError:
            self.close()
            raise

    def reset(self) -> Step:
        """Start all episodes."""
        self._ask(RESET, "reset")
        step = self._answer(self._next_reset_timeout, "reset")
        self._next_reset_timeout = self._reset_timeout
        return step

    def step(self, actions: np.ndarray) -> Step:
        """Step all environments. A step that resets one of them may take as long as a reset."""
        self.step_async(actions)
        return self.step_wait()

    def step_async(self, actions: np.ndarray) -> None:
        """Begin a step in the other process."""
        self._ask(ACT + encode(actions), "step")

    def step_wait(self) -> Step:
        """Wait for the step. Its deadline is counted from this call."""
        return self._answer(self._reset_timeout if self._resets_next else self._step_timeout, "step")

    def close(self) -> None:
        """Ask the other process to close the environment and end, and kill it if it does not."""
        if self._closed:
            return
        self._closed = True
        try:
            self._connection.send_bytes(CLOSE)
        except OSError:
            pass
        else:
            self._take_answer()
            self._process.join(_CLOSE_TIMEOUT)
        self._end()
        self._connection.close()

    def _take_answer(self) -> None:
        """Receive the answer to a step that was running: a full pipe would keep the other process from ending."""
        try:
            if self._awaits_answer and self._connection.poll(_CLOSE_TIMEOUT):
                self._connection.recv_bytes()
        except (EOFError, OSError):
            pass

    def _ask(self, order: bytes, what: str) -> None:
        if self._closed:
            raise EnvironmentFailure(f"The environment is closed and cannot {what}.")
        try:
            self._connection.send_bytes(order)
        except OSError:
            raise self._died(what) from None
        self._awaits_answer = True

    def _answer(self, timeout: float, what: str) -> Step:
        step = decode_step(self._receive(STEP, timeout, what))
        ended = step.terminated | step.truncated
        self._resets_next = bool(ended.any()) and len(step.final) < int(ended.sum())
        return step

    def _receive(self, expected: bytes, timeout: float, what: str) -> memoryview:
        try:
            with self._running.calling(_METHODS[what]):
                self._running.thread = 0  # this one only waits
                has_answered = self._connection.poll(timeout)
            if not has_answered:
                self._end()
                raise EnvironmentNotReady(
                    f"{self._running.owner} hangs: {_METHODS[what]} did not return within {timeout:g} s."
                )
            answer = self._connection.recv_bytes()
            self._awaits_answer = False
        except (EOFError, OSError):
            raise self._died(what) from None
        if answer[:1] == NOT_READY:
            raise EnvironmentNotReady(answer[1:].decode())
        if answer[:1] == RAISED:
            raise EnvironmentRaised(answer[1:].decode())
        if answer[:1] == FAILURE:
            raise EnvironmentFailure(answer[1:].decode())
        if answer[:1] == MISTAKE:
            raise PluginError(answer[1:].decode())
        assert answer[:1] == expected
        return memoryview(answer)[1:]

    def _died(self, what: str) -> EnvironmentFailure:
        self._process.join(_CLOSE_TIMEOUT)
        code = self._process.exitcode
        return EnvironmentFailure(
            f"{self._running.owner} failed: its process ended with code {code} in {_METHODS[what]}."
        )

    def _end(self) -> None:
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_CLOSE_TIMEOUT)
        self._end_for_good()


def installed(
    plugin: EnvironmentPlugin, config: BaseModel, seed: int | None, name: str = ""
) -> Callable[[], Environment]:
    """A function that makes the environment of an installed plugin, in this or in another process. `name` is that by
    which the plugin was chosen, if it is not the plugin's own."""
    return partial(_make_installed, name or plugin.name, config.model_dump_json(), seed)


def _make_installed(name: str, config: str, seed: int | None) -> Environment:
    from soulsai_core.plugins.catalog import Catalog

    plugin = Catalog().environment(name)
    return plugin.make(plugin.config.model_validate_json(config), seed)
