"""How busy this machine and the training node's process on it are."""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

log = logging.getLogger(__name__)

# Seconds for nvidia-smi, which takes a moment on a busy machine.
_GPU_TIMEOUT = 3.0
_GPU_QUERY = ("--query-gpu=name,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")
_MIB = 2**20


class Gpu(msgspec.Struct, frozen=True):
    """One GPU: share of the time that it is busy, and bytes of its memory."""

    name: str
    busy: float
    memory: int
    memory_total: int


class Machine(msgspec.Struct, frozen=True):
    """This machine, and the training node's process if it runs here.

    Attributes:
        cores: number of them.
        cpu: share of all cores that is busy, from 0 to 1.
        memory, memory_total: bytes.
        disk_free: bytes that are free where the run's folder is.
        node_cpu: cores that the training node's process keeps busy, such as 1.5; None if it is not known here.
        node_memory: its bytes.
    """

    name: str
    cores: int
    cpu: float
    memory: int
    memory_total: int
    disk_free: int
    gpus: tuple[Gpu, ...] = ()
    node_cpu: float | None = None
    node_memory: int | None = None


class MachineReader:
    """Measures this machine. CPU times are those since the measurement before.

    Args:
        folder: the run's folder.
        holder: names the process of the training node: "process 123 on machine since ...".
    """

    def __init__(self, folder: Path, holder: Callable[[], str]) -> None:
        self._folder = folder
        self._holder = holder
        self._gpu_program = shutil.which("nvidia-smi")
        self._process: psutil.Process | None = None
        psutil.cpu_percent()  # the first call has nothing to compare with

    def read(self) -> Machine | None:
        """The measurement now; None where the system does not say."""
        try:
            memory = psutil.virtual_memory()
            node_cpu, node_memory = self._node()
            return Machine(
                name=platform.node(),
                cores=psutil.cpu_count() or 1,
                cpu=psutil.cpu_percent() / 100,
                memory=memory.total - memory.available,
                memory_total=memory.total,
                disk_free=shutil.disk_usage(self._folder).free,
                gpus=self._gpus(),
                node_cpu=node_cpu,
                node_memory=node_memory,
            )
        except (OSError, psutil.Error) as error:
            log.debug("This machine cannot be measured: %s", error)
            return None

    def _node(self) -> tuple[float | None, int | None]:
        pid = node_process(self._holder())
        if pid is None:
            self._process = None
            return None, None
        try:
            if self._process is None or self._process.pid != pid:
                self._process = psutil.Process(pid)
                self._process.cpu_percent()
                return None, self._process.memory_info().rss
            return self._process.cpu_percent() / 100, self._process.memory_info().rss
        except psutil.Error:
            self._process = None
            return None, None

    def _gpus(self) -> tuple[Gpu, ...]:
        if self._gpu_program is None:
            return ()
        try:
            command = [self._gpu_program, *_GPU_QUERY]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_TIMEOUT, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            # Not again: a driver that hangs would be asked every few seconds.
            self._gpu_program = None
            log.info("The GPUs are not shown: %s", error)
            return ()
        return tuple(gpu for line in answer.stdout.splitlines() if (gpu := parse_gpu(line)) is not None)


def node_process(holder: str) -> int | None:
    """The id of the process that holds the run's folder, None if there is none or it runs on another machine."""
    words = holder.split()
    # "process 123 on machine since ..."
    if len(words) < 4 or words[0] != "process" or words[3] != platform.node() or not words[1].isdigit():
        return None
    return int(words[1])


def parse_gpu(line: str) -> Gpu | None:
    """A line of nvidia-smi, such as "NVIDIA H200, 37, 1024, 143771"; None for one that says otherwise."""
    name, *numbers = [part.strip() for part in line.split(",")]
    try:
        busy, used, total = (float(number) for number in numbers)
    except ValueError:
        return None
    return Gpu(name, busy / 100, int(used * _MIB), int(total * _MIB))
