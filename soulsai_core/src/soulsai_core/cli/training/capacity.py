"""Before the start: do the journal and the replay buffer fit on this machine?"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from soulsai_core.config import Resolved
from soulsai_core.errors import ConfigError
from soulsai_core.journal.journal import SEGMENT_BYTES
from soulsai_core.messages import ArraySpec
from soulsai_core.node.formatting import counted, size
from soulsai_core.steps import step_columns

log = logging.getLogger(__name__)

_MESSAGE = 1.1
"""Bytes in the journal for each byte of a row: headers, checksums, and what followed the last row of a message."""


def row_bytes(columns: Mapping[str, ArraySpec]) -> int:
    """Bytes of one step as clients send it."""
    return sum(int(np.prod(c.shape, dtype=np.int64)) * np.dtype(c.dtype).itemsize for c in columns.values())


def check_capacity(resolved: Resolved, folder: Path) -> None:
    """Log how much of the disk and of the memory the run will need in the end.

    Estimated from the setting `buffer_size` of the algorithm; without one there is nothing to estimate. A journal that
    keeps all steps grows up to the goal in steps. Raises ConfigError if it is more than there is.
    """
    _check_kept_steps(resolved, folder)
    rows = getattr(resolved.algorithm_config, "buffer_size", None)
    if not isinstance(rows, int):
        return
    bytes_needed = rows * _row_bytes(resolved)
    disk = int(bytes_needed * _MESSAGE) + 2 * SEGMENT_BYTES if resolved.config.training.journal else 0
    free = shutil.disk_usage(folder).free
    memory = _memory()
    log.info(
        "A replay buffer of %s will take %s of memory, and the journal %s on the disk.",
        counted(rows, "step"), size(bytes_needed), size(disk),
    )  # fmt: skip
    advice = f"set algorithm.config.buffer_size ({rows}) lower"
    room = free + _used(folder)
    if disk > room:
        lower = f"{advice}, " if room > 2 * SEGMENT_BYTES else ""  # no journal needs less
        raise ConfigError(
            f"The journal of {rows:,} steps will need {size(disk)}, and {folder} has {size(free)} left: make room, "
            f"{lower}or set training.journal to false."
        )
    on_device = getattr(resolved.algorithm_config, "replay_device", None)
    if on_device is None and memory is not None and bytes_needed > memory:
        raise ConfigError(
            f"The replay buffer of {rows:,} steps will need {size(bytes_needed)} of memory, and this machine has "
            f"{size(memory)}: {advice}."
        )


def _check_kept_steps(resolved: Resolved, folder: Path) -> None:
    """The same for a journal that keeps all steps."""
    training = resolved.config.training
    if not (training.journal and training.keep_steps):
        return
    row = _row_bytes(resolved) * _MESSAGE
    log.info("training.keep_steps: the journal takes %s on the disk for each million steps.", size(int(1e6 * row)))
    rows = training.stop.env_steps
    free = shutil.disk_usage(folder).free
    if rows is not None and rows * row > free + _used(folder):
        raise ConfigError(
            f"The journal of {rows:,} steps (training.stop.env_steps), all of which are kept, will need "
            f"{size(int(rows * row))}, and {folder} has {size(free)} left: make room, or set training.keep_steps to "
            "false."
        )


def _row_bytes(resolved: Resolved) -> int:
    spec = resolved.environment.spec(resolved.environment_config)
    own = resolved.algorithm.columns(resolved.algorithm_config, spec)
    return row_bytes(step_columns(spec, own, resolved.config.training.max_abs_value))


def _used(folder: Path) -> int:
    """Bytes that the journal of a resumed run has already."""
    return sum(file.stat().st_size for file in (folder / "journal").glob("*"))


def _memory() -> int | None:
    """Bytes of memory of this machine, None if it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
