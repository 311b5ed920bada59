"""Checks of the machine: Python, packages, processor, memory, disk and GPU."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from soulsai_core.node.formatting import counted, size
from soulsai_core.plugins.findings import OK, PROBLEM, WARNING, Finding

LEAST_PYTHON = (3, 11)
OTHERS = ("numpy", "gymnasium", "pydantic", "redis", "msgspec", "torch", "soulsgym")
"""Packages besides ours whose versions matter most."""

_IMPORTED = ("numpy", "gymnasium", "pydantic", "redis", "msgspec")
"""Those that are imported to see whether they can be."""

_MB = 2**20
_LEAST_FREE = 200 * _MB
_LITTLE_FREE = 2048 * _MB
_WRITTEN = 16 * _MB
_SLOW_DISK = 20.0
"""Bytes that must and should be free, bytes that are written to measure, and MB/s below which a disk is slow."""

_LITTLE_MEMORY = 2**30
"""Bytes of free memory below which a warning is due."""


def check_python() -> Iterator[Finding]:
    """Version, and whether it has 64 bits, which numpy's and torch's wheels need."""
    version = platform.python_version()
    bits = 64 if sys.maxsize > 2**32 else 32
    words = f"{platform.python_implementation()} {version}, {bits} bit, on {platform.platform(terse=True)}"
    if sys.version_info < LEAST_PYTHON or bits < 64:
        least = ".".join(map(str, LEAST_PYTHON))
        yield Finding("python", PROBLEM, f"{words}: install Python {least} or newer with 64 bits.")
    else:
        yield Finding("python", OK, f"{words}, in {sys.prefix}.")


def check_packages() -> Iterator[Finding]:
    """Versions of ours, which belong together, and of others; and what they need and is not there."""
    found = {_plain(name): part for part in distributions() if (name := part.metadata["Name"])}
    ours = {name: part for name, part in found.items() if re.fullmatch(r"soulsai-\w+(-env)?", name)}
    versions = {part.version for part in ours.values()}
    listed = ", ".join(f"{name} {part.version}" for name, part in sorted(ours.items()))
    if len(versions) > 1:
        yield Finding(
            "packages", PROBLEM, f"These versions do not belong together: {listed}. Install the same version of all."
        )
    else:
        yield Finding("packages", OK, f"{listed}.")
    yield Finding("packages", OK, ", ".join(f"{n} {found[n].version}" for n in OTHERS if n in found) + ".")
    for name in _IMPORTED:
        reason = _broken(name) if name in found else None
        if reason:
            yield Finding(
                "packages",
                PROBLEM,
                f"{name} is installed and cannot be imported ({reason}): pip install --force-reinstall {name}",
            )
    for name, part in sorted(ours.items()):
        missing = [need for need in _needs(part) if _plain(need) not in found]
        if missing:
            yield Finding("packages", PROBLEM, f"{name} needs {', '.join(missing)}: pip install {' '.join(missing)}")


def _broken(name: str) -> str | None:
    """Why a package cannot be imported; None if it can."""
    try:
        importlib.import_module(name)
    except BaseException as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
    return None


def _needs(part: Distribution) -> list[str]:
    """Names of the packages that a distribution cannot do without on any machine."""
    return [match[0] for need in part.requires or () if ";" not in need and (match := re.match(r"[\w.-]+", need))]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def check_machine() -> Iterator[Finding]:
    """Cores and free memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free = _free_memory()
    words = counted(cores, "core") + ("" if free is None else f", {size(free)} of memory free")
    if free is not None and free < _LITTLE_MEMORY:
        yield Finding(
            "machine", WARNING, f"{words}: that is little, and the system may kill a training; close other programs."
        )
    else:
        yield Finding("machine", OK, f"{words}.")


def _free_memory() -> int | None:
    """Bytes of free memory, None where the system does not say it in this way."""
    try:
        text = Path(os.sep, "proc", "meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 2**10 if match else None


def check_disk(saves: Path) -> Iterator[Finding]:
    """Whether runs can be saved: rights, room and speed, in the folder of runs or the nearest that exists."""
    folder = saves.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        speed = _written_per_second(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        yield Finding("disk", PROBLEM, f"{folder} cannot be written to ({reason}): set run.saves to a folder that can.")
        return
    free = shutil.disk_usage(folder).free
    words = f"{saves}: {size(free)} free, {speed:,.0f} MB/s"
    if free < _LEAST_FREE:
        yield Finding("disk", PROBLEM, f"{words}: too little for checkpoints; make room, or set run.saves elsewhere.")
    elif free < _LITTLE_FREE:
        yield Finding("disk", WARNING, f"{words}: little for the checkpoints of a long run; make room.")
    elif speed < _SLOW_DISK:
        yield Finding(
            "disk",
            WARNING,
            f"{words}: learning stands still for as long as a checkpoint is copied; choose a "
            "local folder as run.saves, or a larger training.checkpoint_every.",
        )
    else:
        yield Finding("disk", OK, f"{words}.")


def _written_per_second(folder: Path) -> float:
    """MB/s with which a file is written and synchronized there."""
    block = os.urandom(_MB)
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        for _ in range(_WRITTEN // _MB):
            file.write(block)
        file.flush()
        # Without it the speed would be that of memory, where the system keeps what was written.
        os.fsync(file.fileno())
        return _WRITTEN / _MB / max(time.perf_counter() - began, 1e-6)


def check_gpu(devices: list[tuple[str, str]]) -> Iterator[Finding]:
    """What torch can compute with, and whether the settings ask for what is not there.

    Args:
        devices: paths of settings that name a device, with their values.
    """
    if find_spec("torch") is None:
        yield Finding("gpu", OK, "torch is not installed, so that algorithms without it run on the processor.")
        return
    import torch

    cuda = torch.cuda.is_available()
    for path, device in devices:
        if device.startswith("cuda") and not cuda:
            yield Finding(
                "gpu",
                PROBLEM,
                f"{path} is {device}, and torch {torch.__version__} finds no GPU: set it to cpu, "
                "or install torch with CUDA and a driver.",
            )
    if not cuda:
        yield Finding("gpu", OK, f"torch {torch.__version__} computes on the processor; it finds no GPU.")
        return
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = torch.cuda.get_device_name(number)
        yield Finding("gpu", OK, f"cuda:{number} is {name}, {size(free)} of {size(total)} free.")
