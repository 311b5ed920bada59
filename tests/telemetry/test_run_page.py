"""The page of a run that has ended closes once the run is trained again: it would say that it has ended."""

import argparse
import os
import threading
from pathlib import Path

import pytest

from soulsai_core.app import RunFolder
from soulsai_telemetry.run_page import RunPage, is_trained_again, newest_run, served
from soulsai_telemetry.run_view import RunView


@pytest.fixture
def folder(save):
    found = RunFolder(save("run-0", [5, 7]))
    write(found, '{"state": "ended"}', 1)
    return found


def write(folder, text, time):
    folder.status.write_text(text)
    os.utime(folder.status, (time, time))


@pytest.mark.parametrize(
    ("text", "time", "again"),
    [
        ('{"state": "ended"}', 1, False),
        ('{"state": "ended"}', 2, False),
        ('{"state": "running"}', 2, True),
        ('{"state": "running"}', 1, False),  # a killed run, as it was when the page was opened
        ("[]", 2, False),
        ("{", 2, False),
    ],
)
def test_new_status_of_a_node_that_has_not_ended_tells(folder, text, time, again):
    write(folder, text, time)
    assert is_trained_again(folder, written=10**9) is again


def test_run_is_opened_by_its_folder_or_its_name(folder):
    saves = folder.path.parent
    for path in (folder.path, saves, Path(folder.name)):
        assert newest_run(path, saves).path == folder.path


def test_page_waits_until_the_run_is_trained_again(folder):
    page = RunPage(argparse.Namespace(stay=None))
    waiting = threading.Thread(target=page._wait, args=(folder, 10**9))
    waiting.start()
    write(folder, '{"state": "running"}', 2)
    waiting.join(60)
    assert not waiting.is_alive()


def test_page_that_closes_leaves_the_address_of_another_one(folder):
    class OtherOpens:
        url = "http://localhost:8081"
        note = ""

        def listen(self, port=None):
            pass

        def close(self):
            folder.page.write_text("http://localhost:8082\n")

    with served(OtherOpens(), RunView(folder, shared=True)):
        assert folder.page.read_text() == "http://localhost:8081\n"
    assert folder.page.read_text() == "http://localhost:8082\n"
