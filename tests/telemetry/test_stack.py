"""Telemetry as a process of its own, over a real server: killed, started again, and beside a real training."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import msgspec
import psutil
import pytest

from soulsai_core import EmbeddedServer
from soulsai_core.transport.redis import connect

pytestmark = pytest.mark.stack


def eventually(condition, timeout=30.0):
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def page_of(folder):
    note = folder / "page"
    return eventually(lambda: note.exists() and note.read_text().strip())


def ask(url, path):
    with contextlib.suppress(OSError), urllib.request.urlopen(url + path, timeout=5) as answer:
        return json.loads(answer.read())
    return None


@pytest.fixture
def server():
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
def real(training, server):
    """The training of the other tests, on a real server."""
    training.transport = connect(server.address, "main")
    training.transport.announce(msgspec.json.encode(training.announced))
    training.status()
    yield training
    training.transport.close()


@pytest.fixture
def telemetry(server, tmp_path):
    """Starts `soulsai telemetry` as a process."""
    started = []

    def start(*arguments, address=None):
        log = (tmp_path / "telemetry.out").open("ab")
        command = [sys.executable, "-m", "soulsai_core", "telemetry", "--redis-address", address or server.address]
        started.append(subprocess.Popen([*command, *arguments], cwd=tmp_path, stderr=log, stdout=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_killed_in_the_middle_it_goes_on_with_one_unbroken_history(real, telemetry):
    first = telemetry()
    real.play(*range(100))
    url = page_of(real.folder)
    eventually(lambda: (state := ask(url, "/api/state")) and state["episodes"] == 100)
    first.kill()
    first.wait()
    real.play(*range(100, 150))
    telemetry()
    real.play(*range(150, 200))
    history = eventually(lambda: (h := ask(url, "/api/history?points=5000")) and h["episodes"] == 200 and h)
    assert history["metrics"]["return"]["mean"] == list(range(200))
    assert ask(url, "/api/state")["reports"]["repeated"] == 0


def test_it_outlives_the_server_and_forgets_nothing(real, telemetry, server):
    telemetry()
    real.play(1, 2, 3)
    url = page_of(real.folder)
    eventually(lambda: (state := ask(url, "/api/state")) and state["episodes"] == 3)
    with contextlib.suppress(Exception):
        real.transport._client.flushall()  # what a restart without persistence leaves
    real.transport.announce(msgspec.json.encode(real.announced))
    real.status()
    real.play(4, 5)
    eventually(lambda: (state := ask(url, "/api/state")) and state["episodes"] == 5)


def test_it_waits_for_a_training_and_goes_on_with_the_next_one(real, telemetry, tmp_path):
    real.transport.clear()
    telemetry("--set", "telemetry.config.page.port=null")
    time.sleep(1.0)
    assert not (real.folder / "page").exists()
    real.transport.announce(msgspec.json.encode(real.announced))
    real.status()
    page_of(real.folder)
    other = tmp_path / "run-2"
    other.mkdir()
    (other / "config.json").write_text("{}")
    real.transport.announce(msgspec.json.encode(msgspec.structs.replace(real.announced, run_id="run-2")))
    real.status(run_id="run-2", folder=str(other))
    url = page_of(other)
    assert ask(url, "/health")["run_id"] == "run-2"
    assert not (real.folder / "page").exists()


def test_elsewhere_it_keeps_its_history_under_its_own_saves(real, telemetry, tmp_path):
    (real.folder / "config.json").unlink()
    telemetry("--set", "run.saves=ours")
    real.play(1, 2)
    file = tmp_path / "ours" / "run-1" / "telemetry" / "episodes.jsonl"
    eventually(lambda: file.exists() and file.read_text().count("\n") == 2)


def test_asked_to_end_it_leaves_in_good_order(real, telemetry):
    process = telemetry()
    page_of(real.folder)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not (real.folder / "page").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [("telemetry.config.page.port=PORT", "telemetry.config.page.port is PORT, but that port cannot be opened"),
     ("telemetry.config.moving_avarage=3", "Did you mean telemetry.config.moving_average?"),
     ("connectors=[{name: wall}]", "There is no connector 'wall' installed"),
     ("connectors=[{name: figure, config: {file: a.bmp}}]", "connectors[0].config.file: must end in .png")],
)  # fmt: skip
def test_bad_input_gets_a_sentence_and_code_2(real, telemetry, tmp_path, settings, sentence):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = telemetry("--set", settings.replace("PORT", port))
        assert process.wait(20) == 2
    text = (tmp_path / "telemetry.out").read_text()
    assert sentence.replace("PORT", port) in text
    assert "Traceback" not in text


# -- beside a real training


CARTPOLE = ["--set", "environment.config.id=CartPole-v1", "--clients", "1"]


@pytest.fixture
def train(tmp_path):
    """Starts `soulsai train`."""
    started = []

    def start(*arguments):
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        out = (tmp_path / "train.out").open("wb")
        command = [sys.executable, "-m", "soulsai_core", "train", *CARTPOLE, *arguments]
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out, env=environ))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def telemetry_child(process):
    children = psutil.Process(process.pid).children(recursive=True)
    return next((child for child in children if "telemetry" in child.cmdline()), None)


def rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_train_runs_telemetry_beside_it_and_a_kill_of_it_harms_nothing(train, tmp_path):
    connectors = "connectors=[{name: json_file}, {name: figure}, {name: prometheus, config: {port: 0}}]"
    process = train("--set", connectors)
    [folder] = eventually(lambda: list((tmp_path / "saves").glob("*")))
    url = page_of(folder)
    eventually(lambda: f"Watch it at {url}" in (tmp_path / "train.out").read_text())
    eventually(lambda: (state := ask(url, "/api/state")) and state["episodes"] > 20)
    telemetry_child(process).kill()
    eventually(lambda: "Telemetry ended with code" in (tmp_path / "train.out").read_text())
    # Telemetry may have heard of the first episodes before the training node wrote its file.
    before = len(eventually(lambda: (folder / "episodes.jsonl").exists() and rows(folder / "episodes.jsonl")))
    eventually(lambda: (state := ask(url, "/api/state")) and state["episodes"] > before + 5)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not psutil.wait_procs(children, timeout=10)[1], "a process was left behind"
    told = rows(folder / "episodes.jsonl")
    assert [row["episode"]["id"] for row in rows(folder / "telemetry" / "episodes.jsonl")] == [
        row["id"] for row in told
    ]
    assert [row["number"] for row in rows(folder / "telemetry.jsonl")] == list(range(1, len(told) + 1))
    assert (folder / "telemetry.png").read_bytes().startswith(b"\x89PNG")


def test_training_without_telemetry_has_no_such_process(train, tmp_path):
    process = train("--no-telemetry")
    [folder] = eventually(lambda: list((tmp_path / "saves").glob("*")))
    eventually(lambda: (folder / "episodes.jsonl").exists())
    assert telemetry_child(process) is None
    assert not (folder / "telemetry").exists()
