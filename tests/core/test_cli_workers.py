"""Child processes of `soulsai train`: started again when they die, and never left behind."""

import os
import time

import pytest

from soulsai_core.cli.workers import Workers


@pytest.fixture
def workers(tmp_path):
    """(arguments after `python -m soulsai_core`) -> one worker with these, started."""
    made = []

    def start(*arguments):
        made.append(Workers({"child": list(arguments)}, dict(os.environ), tmp_path))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.kill()


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_workers_that_were_not_started_can_be_closed(tmp_path):
    """Somebody may interrupt before."""
    Workers({"child": ["--version"]}, dict(os.environ), tmp_path).close()


def test_child_that_fails_is_started_again_and_its_last_words_are_told(workers, tmp_path, caplog):
    workers("no-such-command")
    wait_for(lambda: "Starting it again in 1 s" in caplog.text)
    assert "Child ended with code 2: " in caplog.text and "no-such-command" in caplog.text
    size = (tmp_path / "child.log").stat().st_size
    wait_for(lambda: (tmp_path / "child.log").stat().st_size > size)


def test_child_that_ends_well_is_not_started_again(workers, tmp_path, caplog):
    worker = workers("--version")
    wait_for(lambda: (tmp_path / "child.log").exists() and "soulsai-core" in (tmp_path / "child.log").read_text())
    worker.close()
    assert (tmp_path / "child.log").read_text().count("soulsai-core") == 1
    assert not caplog.text


def test_closed_worker_starts_nothing_more(workers, tmp_path):
    worker = workers("no-such-command")
    wait_for(lambda: (tmp_path / "child.log").exists() and (tmp_path / "child.log").stat().st_size)
    worker.close()
    before = (tmp_path / "child.log").read_text()
    time.sleep(1.3)
    assert (tmp_path / "child.log").read_text() == before
