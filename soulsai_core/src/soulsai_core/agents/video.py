"""Writes the pictures of an environment into a video file."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from soulsai_core.errors import ConfigError, SoulsAIError

ENDINGS = (".mp4", ".gif")

# A palette of the video's own colors, made from all of its pictures; the default one has bands and noise.
_PALETTE = ["-filter_complex", "[0:v]split[a][b];[a]palettegen[p];[b][p]paletteuse"]


def check_video(path: Path) -> None:
    """Raise ConfigError if the ending of this file is none of `ENDINGS` or it cannot be written, SoulsAIError if
    imageio-ffmpeg is not installed. Makes the folder of the file."""
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"{path} must end in {' or '.join(ENDINGS)}.")
    try:
        import imageio_ffmpeg  # noqa: F401 - whether it is there
    except ImportError as error:
        raise SoulsAIError('Videos need imageio-ffmpeg: pip install "soulsai-core[video]"') from error
    existed = path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # ffmpeg says so only after the first picture, when a game has been started.
        with path.open("ab"):
            pass
        if not existed:
            path.unlink()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}): name a file in a folder that you may write to."
        ) from error


class VideoWriter:
    """A video that grows with each picture. `close` completes it.

    Args:
        path: file to write, whose ending says the format.
        fps: pictures per second.

    Attributes:
        pictures: written so far.

    Raises as `check_video` does.
    """

    def __init__(self, path: Path, fps: float) -> None:
        check_video(path)
        import imageio_ffmpeg

        self.pictures = 0
        self._path = path
        self._fps = fps
        self._make: Any = imageio_ffmpeg.write_frames
        self._frames: Generator[None, np.ndarray | None, None] | None = None
        self._shape: tuple[int, ...] = ()

    def write(self, picture: np.ndarray) -> None:
        """Append a picture, uint8 (height, width, 3), of the size of the first."""
        if self._frames is None:
            self._frames = self._open(picture)
        if picture.shape != self._shape:
            raise SoulsAIError(f"A picture has the form {picture.shape}, and the first had {self._shape}.")
        try:
            self._frames.send(np.ascontiguousarray(picture))
        except OSError as error:
            # The error itself is a broken pipe; ffmpeg has printed why it ended.
            raise SoulsAIError(
                f"{self._path} cannot be written: ffmpeg has ended, and its reason stands above. Look whether the disk "
                "is full, or name another file."
            ) from error
        self.pictures += 1

    def _open(self, picture: np.ndarray) -> Generator[None, np.ndarray | None, None]:
        self._shape = picture.shape
        height, width = picture.shape[:2]
        options: dict[str, Any] = {"fps": self._fps, "macro_block_size": 2}  # players want even sizes
        if self._path.suffix.lower() == ".gif":
            options |= {"codec": "gif", "pix_fmt_out": "pal8", "output_params": _PALETTE, "macro_block_size": 1}
        frames = self._make(str(self._path), (width, height), **options)
        frames.send(None)
        return frames

    def close(self) -> None:
        """Complete the file."""
        if self._frames is not None:
            with contextlib.suppress(OSError):
                self._frames.close()
            self._frames = None
