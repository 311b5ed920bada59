"""A TCP proxy with the faults of real links: delay, loss, little bandwidth, and no answer at all."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

_CHUNK = 4096
_QUEUED = 32
"""Bytes that are read at a time, and how many reads are on their way in each direction: together a socket's buffer."""

_RETRANSMISSION = 0.3
"""Seconds by which data comes later whose packet was lost: TCP sends it again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a link is.

    Attributes:
        delay: seconds that all data takes, in each direction.
        loss: share of packets that are lost.
        rate: bytes per second, in each direction of a connection; None: any number.
        silent: nothing arrives, as after a cable was pulled. Connections stay open.
        refused: connections are reset, and new ones as well.
    """

    delay: float = 0.0
    loss: float = 0.0
    rate: float | None = None
    silent: bool = False
    refused: bool = False


class Proxy:
    """Passes connections on to a port of this machine.

    Attributes:
        port: where it listens.
        fault: how the link is.
    """

    def __init__(self, target: int, seed: int = 0) -> None:
        self.port = 0
        self.fault = Fault()
        self._target = target
        self._rng = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> Proxy:
        """Listen at a free port."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def set_fault(self, fault: Fault) -> None:
        """From now on the link is like this."""
        self.fault = fault
        if fault.refused:
            self._loop.call_soon_threadsafe(self._reset_all)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._reset_all()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault.refused:
            writer.transport.abort()
            return
        try:
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, their_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._pass(reader, their_writer), self._pass(their_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction of a connection, until one of its ends is closed."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)
        writing = asyncio.ensure_future(self._write(queue, writer))
        try:
            while data := await reader.read(_CHUNK):
                late = _RETRANSMISSION if self._rng.random() < self.fault.loss else 0.0
                await queue.put((time.monotonic() + self.fault.delay + late, data))
            await queue.put((0.0, b""))
            await writing
        except OSError:
            pass
        finally:
            writing.cancel()
            writer.transport.abort()

    async def _write(self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                due, data = await queue.get()
                while (pause := due - time.monotonic()) > 0 or self.fault.silent:
                    await asyncio.sleep(max(min(pause, 0.2), 0.01))
                if not data:
                    return
                if self.fault.rate is not None:
                    await asyncio.sleep(len(data) / self.fault.rate)
                writer.write(data)
                await writer.drain()


@contextmanager
def proxy_to(target: int, seed: int = 0) -> Iterator[Proxy]:
    """A proxy in front of a port."""
    proxy = Proxy(target, seed).start()
    try:
        yield proxy
    finally:
        proxy.stop()
