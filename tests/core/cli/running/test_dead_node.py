"""`soulsai status`, `quicksave` and `shutdown` where no node answers: what they say, how fast, and their exit codes."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from soulsai_core.cli import main
from soulsai_core.cli.running import control, status
from soulsai_core.messages import Command, Reply
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.run_folder import RunFolder
from soulsai_core.transport.memory import MemoryServer, MemoryTransport

NODE = NodeStatus(
    run_id="2026-01-01_run", folder="saves/2026-01-01_run", state="running", iteration=700, env_steps=180_000,
    goal_env_steps=None, elapsed=3600.0, episodes=900, mean_return=120.0, window_episodes=50, steps_per_second=279.0,
    iterations_per_second=1.0, acceptance=0.99, rejected={},
    staleness={"iterations": 0.5, "env_steps": 20, "seconds": 1}, backlog=0, clients=[], learner={},
    averaged_episodes=50,
)  # fmt: skip


@pytest.fixture
def server(clock, monkeypatch):
    """The server that the commands reach, on which a node has reported."""
    server = MemoryServer(clock)
    for module in (control, status):
        monkeypatch.setattr(module, "connect_from", lambda args: MemoryTransport(server))
    MemoryTransport(server).write_status(msgspec.json.encode(NODE))
    return server


def run(capsys, *words):
    code = main([*words, "--redis-address", "here"])
    shown = capsys.readouterr()
    return code, " ".join((shown.out + shown.err).split())


def test_status_of_a_silent_node_says_so_and_its_exit_code_tells(server, clock, capsys):
    assert run(capsys, "status")[0] == 0
    clock.now += 120
    code, shown = run(capsys, "status")
    assert code == 1
    assert "node silent" in shown and "silent for 2 min 00 s, since" in shown and "soulsai train --resume" in shown
    assert "279" not in shown and "running" not in shown


def test_judgement_is_in_the_json(server, clock, capsys):
    clock.now += 120
    code = main(["status", "--json", "--redis-address", "here"])
    health = json.loads(capsys.readouterr().out)["health"]
    assert (code, health["state"], health["label"]) == (1, "silent", "node silent")
    assert health["conditions"][0]["name"] == "node_silent"


@pytest.mark.parametrize("command", ["quicksave", "shutdown"])
def test_command_to_a_silent_node_is_refused_at_once(command, server, clock, capsys):
    clock.now += 120
    started = time.monotonic()
    code, shown = run(capsys, command)
    assert (code, "silent for 2 min" in shown) == (2, True)
    assert time.monotonic() - started < 4
    assert not MemoryTransport(server).read_commands(0.0), "nothing waits there for a node that resumes"


def test_command_is_refused_a_little_before_others_call_the_node_silent(server, clock, capsys):
    """Somebody waits for its answer, and by then 16 reports are missing."""
    clock.now += 4.2
    assert run(capsys, "status")[0] == 0
    code, shown = run(capsys, "quicksave", "--timeout", "0.1")
    assert (code, "silent for 4 s" in shown) == (2, True)


def test_command_is_given_up_once_the_node_falls_silent(server, clock, capsys, monkeypatch):
    asked = []

    def judge(transport):
        asked.append(clock.now)
        health = status.read_status(transport, 0.0)[1]
        clock.now += 10
        return health

    monkeypatch.setattr(control, "_judge", judge)
    assert run(capsys, "quicksave")[0] == 2
    assert len(asked) == 3


def test_command_to_a_node_that_has_ended_says_how_it_ended(server, capsys):
    ended = msgspec.structs.replace(NODE, state="ended", reason="the goal of 7 iterations is reached")
    MemoryTransport(server).write_status(msgspec.json.encode(ended))
    code, shown = run(capsys, "shutdown")
    assert code == 2 and "the goal of 7 iterations is reached" in shown


def test_node_that_reports_is_waited_for(server, capsys):
    def answer():
        transport = MemoryTransport(server)
        [payload] = transport.read_commands(30.0)
        command = msgspec.json.decode(payload, type=Command)
        transport.reply(command.id, msgspec.json.encode(Reply(command.id, True, "saves/x")))

    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(answer)
        assert run(capsys, "quicksave") == (0, "saves/x")
        answering.result(30)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({}, 1, ["killed", "last heard of at", "soulsai train --resume saves/2026-01-01_run"]),
        ({"state": "ended", "reason": "the goal is reached"}, 0, ["Finished at", "the goal is reached", "180,000"]),
        ({"state": "ended", "reason": "no space left", "failed": True}, 1, ["failed", "no space left"]),
    ],
)
def test_without_a_server_the_folder_of_the_newest_run_tells(changes, code, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(tmp_path / "saves" / "2026-01-01_run")
    folder.path.mkdir(parents=True)
    status = msgspec.structs.replace(NODE, time=time.time() - 600, **changes)
    folder.status.write_bytes(msgspec.json.encode(status))
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["status"]) == code
    shown = capsys.readouterr().out
    assert all(word in shown for word in words), "no line is broken in what is no terminal"
    assert main(["quicksave"]) == 2
    assert "No training runs on this machine" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("status",), ("quicksave",)])
@pytest.mark.parametrize("written", [b"{}", b"\xff", b"[" * 90_000])
def test_status_that_this_version_cannot_read_gives_a_sentence(server, capsys, command, written):
    MemoryTransport(server).write_status(written)
    code, shown = run(capsys, *command)
    assert code == 2 and "it may run another version of soulsai-core than this" in shown
