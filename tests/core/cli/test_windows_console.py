"""When Windows ends the console, the process leaves in order. Only the registration needs Windows."""

import sys
import types

import pytest

from soulsai_core.cli import windows_console
from soulsai_core.cli.windows_console import ENDINGS, ending_handler, on_console_end


@pytest.mark.parametrize("event", ENDINGS)
def test_closed_console_asks_to_leave_and_gives_the_process_its_time(event):
    happened = []
    handle = ending_handler(happened.append, lambda seconds: happened.append(f"{seconds:g} s"))
    assert handle(event) is True
    assert happened == [ENDINGS[event], "3600 s"]


@pytest.mark.parametrize("event", [0, 1])
def test_ctrl_c_and_ctrl_break_are_left_to_their_signals(event):
    happened = []
    assert ending_handler(happened.append, happened.append)(event) is False
    assert happened == []


def test_handler_is_registered_with_windows_while_the_block_runs(monkeypatch):
    calls = []
    kernel = types.SimpleNamespace(SetConsoleCtrlHandler=lambda handler, add: calls.append((handler, add)))
    fake = types.SimpleNamespace(
        WINFUNCTYPE=lambda *_: lambda function: function,
        WinDLL=lambda name: {"kernel32": kernel}[name],
        c_int=int,
        c_ulong=int,
    )
    monkeypatch.setattr(windows_console.sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "ctypes", fake)
    with on_console_end(lambda reason: None):
        assert [add for _, add in calls] == [True]
    assert [add for _, add in calls] == [True, False] and calls[0][0] is calls[1][0]
