"""Processes that end with the one that started them."""

import ctypes
import os
import subprocess
import sys

import psutil
import pytest
from waiting import wait_for

from soulsai_core.lifetime import tie_to_this_process
from soulsai_core.lifetime.job_object import ExtendedLimits, tied

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a child of its parent's death on Linux")

CHILD = "import sys, time; from soulsai_core.lifetime import end_with_parent; end_with_parent(int(sys.argv[1])); {then}"
PARENT = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}.format(then="time.sleep(600)"), str(os.getpid())])
print(child.pid, flush=True)
time.sleep(600)
"""


@linux
def test_child_ends_with_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    wait_for("the child's import", lambda: child.num_ctx_switches() and "soulsai" in str(child.cmdline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for("the end of the child", lambda: not child.is_running())


@linux
def test_child_whose_parent_has_ended_before_ends_at_once():
    code = CHILD.format(then="print('still here')")
    ended = subprocess.run([sys.executable, "-c", code, "1"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


class Kernel:
    """What kernel32 is asked for."""

    def __init__(self, process):
        self.calls = []
        self._answers = {"CreateJobObjectW": 7, "OpenProcess": process}

    def __getattr__(self, name):
        return lambda *arguments: (self.calls.append((name, arguments)), self._answers.get(name, 1))[1]


def test_job_object_ends_the_process_alone_and_not_what_it_starts():
    kernel = Kernel(process=9)
    close = tied(1234, kernel)
    names = [name for name, _ in kernel.calls]
    assert names == [
        "CreateJobObjectW", "SetInformationJobObject", "OpenProcess", "AssignProcessToJobObject", "CloseHandle",
    ]  # fmt: skip
    assert kernel.calls[3:] == [("AssignProcessToJobObject", (7, 9)), ("CloseHandle", (9,))]
    job, kind, limits, size = kernel.calls[1][1]
    assert (job, kind, size) == (7, 9, ctypes.sizeof(ExtendedLimits))
    assert limits._obj.BasicLimitInformation.LimitFlags == 0x3000
    close()
    assert kernel.calls[-1] == ("CloseHandle", (7,))


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="sizes of 64-bit systems")
def test_structures_have_the_sizes_that_windows_expects():
    assert ctypes.sizeof(ExtendedLimits) == 144


def test_process_that_has_ended_meanwhile_is_no_error():
    kernel = Kernel(process=None)
    tied(1234, kernel)()
    assert [name for name, _ in kernel.calls].count("CloseHandle") == 1
    assert tie_to_this_process(os.getpid())() is None or sys.platform == "win32"
