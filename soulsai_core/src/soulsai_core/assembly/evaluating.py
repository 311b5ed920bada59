"""Plays the episodes of an evaluation in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import msgspec

from soulsai_core.assembly.agents import make_agent
from soulsai_core.assembly.saved_settings import refuse_unfit, saved_settings
from soulsai_core.config import Resolved
from soulsai_core.errors import SoulsAIError
from soulsai_core.lifetime import follow_parent, tie_to_this_process
from soulsai_core.messages import Weights
from soulsai_core.run_folder import RunFolder


class Played(msgspec.Struct, frozen=True):
    """The result of one episode of an evaluation; `iteration` is that of the model."""

    seed: int
    total_reward: float
    length: int
    iteration: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to play.

    Attributes:
        run: folder of the run, whose settings count.
        weights: of the model, read once: the checkpoint of a running training is replaced at any time.
        seeds: one for each episode.
        overrides: changes of the run's settings, as in --set.
    """

    run: Path
    weights: Weights
    seeds: Sequence[int]
    overrides: tuple[str, ...] = ()


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def evaluate(evaluation: Evaluation, processes: int) -> Iterator[Played]:
    """Play each seed once, and yield each result as it comes, in no certain order. The results do not depend on the
    number of processes.

    Raises SoulsAIError with the sentence of the first process that failed.
    """
    processes = min(processes, len(evaluation.seeds))
    if processes <= 1:
        yield from _played(evaluation, _settings(evaluation), iter(range(len(evaluation.seeds))))
        return
    method = _start_method()
    context: Any = multiprocessing.get_context(method)  # its type has no Process
    taken = context.Value("l", 0)  # seeds that a process has taken so far
    # Read once where processes are copies of this one: it takes as long as ten episodes of a fast environment.
    resolved = _settings(evaluation) if method == "fork" else None
    of_main_thread = threading.current_thread() is threading.main_thread()
    readers: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(processes):
            reader, writer = context.Pipe(duplex=False)
            process = context.Process(
                target=_work, args=(writer, evaluation, resolved, taken, of_main_thread), daemon=True
            )
            process.start()
            tie_to_this_process(process.pid)
            writer.close()  # the child has the only other end: if it dies, reading ends
            readers[reader] = process
        yield from _results(dict(readers), len(evaluation.seeds))
    finally:
        for reader, process in readers.items():
            reader.close()
            process.terminate()
            process.join()


def _start_method() -> Literal["fork", "spawn"]:
    """A copy of this process has everything imported already, but may only be made while there is one thread."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


def _results(readers: dict[Connection, BaseProcess], missing: int) -> Iterator[Played]:
    while missing:
        for reader in wait(list(readers)):
            assert isinstance(reader, Connection)
            try:
                message = reader.recv_bytes()
            except EOFError:
                process = readers.pop(reader)
                process.join()
                if process.exitcode or not readers:
                    raise SoulsAIError(
                        f"A process of the evaluation ended with exit code {process.exitcode}, "
                        f"{missing} episodes before the end."
                    ) from None
                continue
            result = msgspec.msgpack.decode(message, type=Played | str)
            if isinstance(result, str):
                raise SoulsAIError(result)
            missing -= 1
            yield result


def _work(
    writer: Connection, evaluation: Evaluation, resolved: Resolved | None, taken: Any, of_main_thread: bool
) -> None:
    """Play seeds until all are taken, in a process of its own."""
    follow_parent(of_main_thread=of_main_thread)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes: the first one ends the others
    try:
        resolved = resolved or _settings(evaluation)
        for result in _played(evaluation, resolved, _shared_numbers(taken, len(evaluation.seeds))):
            writer.send_bytes(msgspec.msgpack.encode(result))
    except SoulsAIError as error:
        writer.send_bytes(msgspec.msgpack.encode(str(error)))
    except BrokenPipeError:
        pass  # the first process has ended


def _shared_numbers(taken: Any, end: int) -> Iterator[int]:
    """The numbers below `end`, each of which one process gets."""
    while True:
        with taken.get_lock():
            number = taken.value
            taken.value = number + 1
        if number >= end:
            return
        yield number


def _settings(evaluation: Evaluation) -> Resolved:
    return saved_settings(RunFolder(evaluation.run), evaluation.overrides)


def _played(evaluation: Evaluation, resolved: Resolved, numbers: Iterator[int]) -> Iterator[Played]:
    refuse_unfit(RunFolder(evaluation.run), resolved, evaluation.weights)
    agent = make_agent(resolved, evaluation.weights)
    taken: list[int] = []

    def seeds() -> Iterator[int]:
        for number in numbers:
            taken.append(evaluation.seeds[number])
            yield taken[-1]

    for episode in agent.play_seeds(seeds()):
        yield Played(taken[-1], episode.total_reward, episode.length, episode.iteration, episode.metrics)
