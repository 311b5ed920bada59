"""Telemetry as a process of its own, with a real server: killed, started again, and next to a real training."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import msgspec
import psutil
import pytest
from commands import LINEAR
from waiting import DEADLINE_S

from soulsai_core.app import EmbeddedServer
from soulsai_core.transport.redis import connect

pytestmark = pytest.mark.stack


@pytest.fixture
def page_of(eventually):
    """Waits for the URL of a run's page."""

    def page_of(folder):
        file = folder / "page"
        return eventually(lambda: file.exists() and file.read_text().partition(" ")[0].strip(), pause=0.05)

    return page_of


def ask(url, path):
    """The JSON that the page's server answers, None if it does not answer."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url + path, timeout=30) as answer:
        return json.loads(answer.read())
    return None


@pytest.fixture
def episodes_of(eventually):
    """Waits until a page has this many episodes at least; returns its state."""

    def episodes_of(url, count):
        return eventually(
            lambda: (state := ask(url, "/api/state")) and state["episodes"] >= count and state, pause=0.05
        )

    return episodes_of


@pytest.fixture
def server():
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def real(training, server):
    """The training of the other tests, on a real server."""
    training.transport = connect(server.address, "main")
    announce(training)
    yield training
    training.transport.close()


def announce(training):
    training.transport.announce(msgspec.json.encode(training.announced))
    training.write_status()


@pytest.fixture
def telemetry(server, tmp_path):
    """Starts `soulsai telemetry` as a process."""
    started = []

    def start(*arguments):
        log = (tmp_path / "telemetry.out").open("ab")
        command = [sys.executable, "-m", "soulsai_core", "telemetry", "--redis-address", server.address]
        started.append(subprocess.Popen([*command, *arguments], cwd=tmp_path, stderr=log, stdout=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_killed_and_started_again_it_has_one_unbroken_history(real, telemetry, page_of, episodes_of, free_port):
    # A port of its own: at one that other tests use, somebody else may come between the two processes.
    port = f"telemetry.config.page.port={free_port}"
    first = telemetry("--set", port)
    real.report_returns(*range(100))
    url = page_of(real.folder)
    episodes_of(url, 100)
    first.kill()
    first.wait()
    real.report_returns(*range(100, 150))
    telemetry("--set", port)
    real.report_returns(*range(150, 200))
    # The second process serves its page at the port of the first.
    assert episodes_of(url, 200)["reports"]["repeated"] == 0
    assert ask(url, "/api/history?points=5000")["series"][0]["mean"] == list(range(200))


def test_history_outlives_a_server_that_lost_its_memory(real, telemetry, page_of, episodes_of):
    telemetry()
    real.report_returns(1, 2, 3)
    url = page_of(real.folder)
    episodes_of(url, 3)
    real.transport._client.flushall()  # as after a restart without persistence
    announce(real)
    real.report_returns(4, 5)
    assert episodes_of(url, 5)["episodes"] == 5


def test_process_waits_for_a_training_and_goes_on_with_the_next_one(real, telemetry, page_of, eventually, tmp_path):
    real.transport.clear()
    telemetry()
    log = tmp_path / "telemetry.out"
    eventually(lambda: "Waiting for the training node." in log.read_text())
    assert not (real.folder / "page").exists()
    announce(real)
    page_of(real.folder)
    other = tmp_path / "run-2"
    other.mkdir()
    (other / "config.json").write_text("{}")
    real.transport.announce(msgspec.json.encode(msgspec.structs.replace(real.announced, run_id="run-2")))
    real.write_status(run_id="run-2", folder=str(other))
    url = page_of(other)
    assert ask(url, "/health")["run_id"] == "run-2"
    assert not (real.folder / "page").exists()


def test_on_another_machine_the_history_is_kept_under_its_own_saves(real, telemetry, eventually, tmp_path):
    (real.folder / "config.json").unlink()
    telemetry("--saves", "ours")
    real.report_returns(1, 2)
    file = tmp_path / "ours" / "run-1" / "telemetry" / "episodes.jsonl"
    eventually(lambda: file.exists() and file.read_text().count("\n") == 2)


def test_sigterm_ends_the_process_in_order(real, telemetry, page_of):
    process = telemetry()
    page_of(real.folder)
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0
    assert not (real.folder / "page").exists()


def test_page_whose_port_is_taken_is_left_out_and_the_history_is_kept(real, telemetry, eventually, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        telemetry("--set", f"telemetry.config.page.port={port}")
        real.report_returns(1, 2)
        file = real.folder / "telemetry" / "episodes.jsonl"
        eventually(lambda: file.exists() and file.read_text().count("\n") == 2)
    text = (tmp_path / "telemetry.out").read_text()
    assert "The page is left out:" in text and f"telemetry.config.page.port is {port}, but that port cannot" in text
    assert "Traceback" not in text


# -- next to a real training


@pytest.fixture
def train(tmp_path, linear_q):
    """Starts `soulsai train` with one client, and with an algorithm that leaves the processor to the tests."""
    started = []

    def start(*arguments):
        path = os.pathsep.join([str(linear_q), str(Path(__file__).parents[2])])
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}
        out = (tmp_path / "train.out").open("wb")
        settings = [word for setting in LINEAR for word in ("--set", setting)]
        command = [sys.executable, "-m", "soulsai_core", "train", "--clients", "1", *settings, *arguments]
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out, env=environ))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def run_folder(tmp_path, eventually):
    """Waits for the folder of the training that was started."""

    def run_folder():
        [folder] = eventually(lambda: list((tmp_path / "saves").glob("*")), pause=0.05)
        return folder

    return run_folder


def telemetry_child(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return next((child for child in children if "telemetry" in child.cmdline()), None)


def rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_telemetry_killed_beside_a_training_comes_back_and_loses_nothing(
    train, run_folder, page_of, episodes_of, eventually, free_port, tmp_path
):
    connectors = "connectors=[{name: json_file}, {name: figure}, {name: prometheus, config: {port: 0}}]"
    # A port of its own: pages of other tests may take the first free one while the page is away.
    process = train("--set", connectors, "--set", f"telemetry.config.page.port={free_port}")
    output = tmp_path / "train.out"
    folder = run_folder()
    url = page_of(folder)
    eventually(lambda: f"Watch it at {url}" in output.read_text())
    episodes_of(url, 20)
    telemetry_child(process).kill()
    eventually(lambda: "Telemetry ended with code" in output.read_text())
    # The telemetry node may record the first episodes before the training node writes its file.
    before = len(eventually(lambda: (folder / "episodes.jsonl").exists() and rows(folder / "episodes.jsonl")))
    episodes_of(url, before + 5)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 0
    assert not psutil.wait_procs(children, timeout=DEADLINE_S)[1], "a process was left behind"
    identifiers = [row["id"] for row in rows(folder / "episodes.jsonl")]
    assert [row["episode"]["id"] for row in rows(folder / "telemetry" / "episodes.jsonl")] == identifiers
    numbers = [row["number"] for row in rows(folder / "telemetry.jsonl")]
    assert numbers == list(range(1, len(identifiers) + 1))
    assert (folder / "telemetry.png").read_bytes().startswith(b"\x89PNG")


def test_training_without_telemetry_has_no_such_process(train, run_folder, tmp_path):
    process = train("--clients", "0", "--no-telemetry", "--set", "training.stop.seconds=0.1")
    output = tmp_path / "train.out"
    assert process.wait(120) == 0, output.read_text()
    assert "Watch it at" not in output.read_text()
    folder = run_folder()
    assert (folder / "config.json").exists()
    assert not (folder / "telemetry").exists()
