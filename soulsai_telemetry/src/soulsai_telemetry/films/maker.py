"""Makes films of the newest checkpoint, in a process of its own."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from tempfile import TemporaryFile

from soulsai_telemetry.films.store import FilmStore
from soulsai_telemetry.run_view import RunView

log = logging.getLogger(__name__)

# Seconds after which an episode is given up: its environment may wait for something that never comes.
_TIMEOUT = 300.0
# Seconds between two looks whether it has ended.
_LOOK = 0.25
# Bytes that are read of what it printed.
_MAX_OUTPUT = 2**16
SOULSAI = (sys.executable, "-m", "soulsai_core")
_RESULT = re.compile(r"Episode 1 returned ([-−]?[\d,.]+) in ([\d,]+) steps")


class FilmMaker:
    """Films an episode of the newest checkpoint now and then, without exploration, as `soulsai play --video` does.

    Args:
        every: seconds between two films.
        wait: waits the given number of seconds; returns True as soon as the telemetry node ends.
        wall: seconds since 1970.
    """

    def __init__(self, view: RunView, every: float, wait: Callable[[float], bool], wall: Callable[[], float]) -> None:
        self._view = view
        self._every = every
        self._wait = wait
        self._wall = wall
        self._store = FilmStore(view.folder.path / "films")
        self._filmed: float | None = None
        self._seed = 0

    def step(self) -> None:
        """Wait until the next film is due, and make it if there is another checkpoint than before."""
        if self._wait(self._every):
            return
        written = next((found.time for found in self._view.checkpoints() if found.kind == "periodic"), None)
        if written is None or written == self._filmed:
            return
        self._filmed = written
        try:
            self._make()
        except OSError as error:
            log.warning("No film was made: %s", error)

    def _make(self) -> None:
        self._store.folder.mkdir(exist_ok=True)
        unfinished = self._store.folder / "unfinished.mp4"
        self._seed += 1
        command = ["play", str(self._view.folder.path), "--video", str(unfinished), "--seed", str(self._seed)]
        try:
            said = self._run(command)
            if said is None:
                return
            result = _RESULT.search(said)
            if result is None:
                # What keeps it from playing, such as a package that is missing, is in the last line.
                log.warning("No film was made: %s", (said.strip().splitlines() or ["soulsai play said nothing"])[-1])
                return
            value = float(result[1].replace(",", "").replace("−", "-"))
            self._store.add(unfinished, self._wall(), value, int(result[2].replace(",", "")))
        finally:
            with suppress(OSError):
                unfinished.unlink()

    def _run(self, words: Sequence[str]) -> str | None:
        """Run a command of soulsai. Returns what it printed, None if the telemetry node ends meanwhile."""
        with TemporaryFile() as output:
            process = subprocess.Popen(
                [*SOULSAI, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
            try:
                for _ in range(round(_TIMEOUT / _LOOK)):
                    if process.poll() is not None:
                        break
                    if self._wait(_LOOK):
                        return None
                else:
                    return f"the episode took more than {_TIMEOUT:.0f} s"
            finally:
                process.kill()
                process.wait()
            output.seek(0)
            return output.read(_MAX_OUTPUT).decode("utf-8", "replace")
