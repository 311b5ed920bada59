"""How busy the machine is."""

import os
import platform

import pytest

from soulsai_telemetry.machine import Gpu, MachineReader, node_process, parse_gpu


def test_machine_and_the_process_that_holds_the_folder_are_measured(tmp_path):
    reader = MachineReader(tmp_path, lambda: f"process {os.getpid()} on {platform.node()} since today")
    machine = reader.read()
    assert (machine.name, machine.cores >= 1, 0 < machine.memory < machine.memory_total) == (
        platform.node(),
        True,
        True,
    )
    assert machine.node_memory > 1e6
    assert reader.read().node_cpu >= 0


@pytest.mark.parametrize("text", ["", "process 1 on another-machine", "process x on here", "nonsense"])
def test_process_of_another_machine_is_not_taken_for_one_of_this(text):
    assert node_process(text) is None


def test_process_that_is_gone_is_left_out(tmp_path):
    gone = f"process {2**22 - 3} on {platform.node()} since today"
    assert MachineReader(tmp_path, lambda: gone).read().node_memory is None


def test_answer_of_nvidia_smi_is_read():
    assert parse_gpu("NVIDIA H200, 37, 1024, 143771") == Gpu("NVIDIA H200", 0.37, 1024 * 2**20, 143771 * 2**20)
    assert parse_gpu("NVIDIA H200, [N/A], 1, 2") is None
    assert parse_gpu("") is None
