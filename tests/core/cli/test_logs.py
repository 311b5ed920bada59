"""Logs are bounded, and repeated lines are counted."""

import logging

import pytest

from soulsai_core.cli import bounded_log, display
from soulsai_core.cli.bounded_log import BoundedLog
from soulsai_core.cli.display import log_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "client-1.log"


@pytest.fixture
def log(path):
    log = BoundedLog(path)
    yield log
    log.close()


def test_output_in_any_pieces_becomes_whole_lines_after_those_of_earlier_processes(path, log):
    log.write(b"one\nt")
    log.write(b"wo\nthree")
    assert path.read_bytes() == b"one\ntwo\n"
    log.close()
    again = BoundedLog(path)
    again.write(b"four\n")
    again.close()
    assert path.read_bytes() == b"one\ntwo\nthree\nfour\n"


def test_repeated_lines_are_counted_whatever_their_time(path, log):
    log.write(b"".join(b"12:00:%02d WARNING away\n" % second for second in range(6)) + b"back\naway\n")
    assert path.read_text().splitlines() == [
        "12:00:00 WARNING away",
        "12:00:01 WARNING away (2 times in a row)",
        "12:00:03 WARNING away (4 times in a row)",
        "back",
        "away",
    ]


def test_log_is_rotated_and_keeps_the_newest_lines(path, log, monkeypatch):
    monkeypatch.setattr(bounded_log, "LOG_BYTES", 1000)
    for number in range(500):
        log.write(b"line %d\n" % number)
    older = path.with_name("client-1.log.1")
    assert sorted(path.parent.iterdir()) == [path, older]
    assert path.stat().st_size < 1000 and older.stat().st_size < 1000
    assert path.read_text().endswith("line 499\n")
    assert log.tail().endswith("line 498\nline 499")


def test_line_without_end_takes_bounded_memory_and_is_written(path, log):
    for _ in range(10):
        log.write(b"x" * 2**15)
    assert path.stat().st_size >= 2**16 and len(log.tail()) == 2**14


def test_own_messages_that_repeat_are_counted_in_the_file(tmp_path):
    with log_file(tmp_path / "logs" / "node.log"):
        for number in (1, 1, 1, 1, 1, 2):
            logging.getLogger("soulsai_core").warning("away %d", number)
    messages = [line.split("WARNING ")[1] for line in (tmp_path / "logs" / "node.log").read_text().splitlines()]
    assert messages == ["away 1", "away 1 (2 times in a row)", "away 1 (4 times in a row)", "away 2"]
    assert display.LOG_BYTES == bounded_log.LOG_BYTES
