"""The journal: whatever was written whole comes back, whatever the kill or the disk did."""

import logging

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soulsai_telemetry.journal import Journal


class Row(msgspec.Struct):
    number: int
    name: str = ""


def write(path, *numbers):
    journal = Journal(path, Row)
    list(journal.recover())
    journal.append([Row(n, "näme") for n in numbers])
    return journal


def read(path):
    return [row.number for row in Journal(path, Row).recover()]


def test_rows_come_back_in_order_over_many_starts(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    write(path, 1, 2)
    write(path, 3)
    assert read(path) == [1, 2, 3]


@settings(max_examples=60)
@given(cut=st.integers(0, 80))
def test_a_kill_at_any_byte_costs_only_the_torn_row(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    write(path, 1, 2, 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    write(path, 9)
    assert read(path) == [*range(1, kept + 1), 9]


def test_a_line_that_cannot_be_read_is_left_out_and_told(tmp_path, caplog):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"number": 1}\nnonsense\n{"number": 2}\n')
    assert read(path) == [1, 2]
    assert "rows.jsonl" in caplog.text


def test_a_full_disk_is_told_once_and_its_rows_are_written_later(tmp_path, caplog, monkeypatch):
    path = tmp_path / "rows.jsonl"
    journal = write(path, 1)
    real, full = type(path).open, True

    def open_(self, mode="r", **options):
        if full and "a" in mode:
            with real(self, mode, **options) as file:
                file.write(b'{"num')  # a part fits
            raise OSError(28, "No space left on device")
        return real(self, mode, **options)

    monkeypatch.setattr(type(path), "open", open_)
    with caplog.at_level(logging.WARNING):
        journal.append([Row(2)])
        journal.append([Row(3)])
    assert caplog.text.count("No space left") == 1
    assert read(path) == [1]
    full = False
    journal.append([Row(4)])
    assert read(path) == [1, 2, 3, 4]


def test_nothing_to_write_touches_nothing(tmp_path):
    path = tmp_path / "rows.jsonl"
    write(path)
    assert not path.exists()


@pytest.mark.parametrize("count", [0, 1, 500])
def test_the_number_of_rows_is_kept(tmp_path, count):
    write(tmp_path / "rows.jsonl", *range(count))
    assert len(read(tmp_path / "rows.jsonl")) == count
