"""The films in a run's folder: the newest, the best and the worst."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import msgspec

MAX_BYTES = 2**25
"""Of a film. A larger one is not kept."""

_NAME = re.compile(r"film_(\d{1,12})_(-?\d{1,12}\.\d\d)_(\d{1,9})\.mp4")
_MP4 = b"ftyp"
"""From the fifth byte of an MP4 file on."""


class Film(msgspec.Struct, frozen=True):
    """A film of one episode.

    Attributes:
        name: of its file.
        time: when it was made, in seconds since 1970.
        episode_return, steps: of the episode.
        kinds: what it is of all that were made: "newest", "best", "worst".
    """

    name: str
    time: int
    episode_return: float
    steps: int
    kinds: tuple[str, ...] = ()


class FilmStore:
    """Keeps three films of all that were made in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def films(self) -> list[Film]:
        """The films that are kept, the newest first."""
        found = sorted(self._found(), key=lambda film: film.time, reverse=True)
        if not found:
            return []
        best = max(found, key=lambda film: film.episode_return)
        worst = min(found, key=lambda film: film.episode_return)
        kinds = {"newest": found[0], "best": best, "worst": worst}
        named = [(film, tuple(kind for kind, chosen in kinds.items() if chosen is film)) for film in found]
        return [msgspec.structs.replace(film, kinds=kinds) for film, kinds in named if kinds]

    def path(self, name: str) -> Path | None:
        """The file of a film that is kept; None for any other name, and for a file that is no film."""
        if name not in {film.name for film in self.films()}:
            return None
        path = self.folder / name
        try:
            with path.open("rb") as file:
                return path if file.read(8)[4:] == _MP4 else None
        except OSError:
            return None

    def add(self, file: Path, time: float, episode_return: float, steps: int) -> None:
        """Keep a film, and remove those that are neither newest nor best nor worst any more. Raises OSError."""
        if file.stat().st_size > MAX_BYTES:
            raise OSError(f"it has more than {MAX_BYTES // 2**20} MiB")
        file.replace(self.folder / f"film_{int(time)}_{episode_return:.2f}_{steps}.mp4")
        kept = {film.name for film in self.films()}
        for film in self._found():
            if film.name not in kept:
                with suppress(OSError):
                    (self.folder / film.name).unlink()

    def _found(self) -> list[Film]:
        films = []
        with suppress(OSError):
            for path in self.folder.iterdir():
                match = _NAME.fullmatch(path.name)
                if match and not path.is_symlink() and path.stat().st_size <= MAX_BYTES:
                    films.append(Film(path.name, int(match[1]), float(match[2]), int(match[3])))
        return films
