"""Rows that the disk refuses are written later; all others are there after a restart."""

import logging

import msgspec

from soulsai_telemetry.history.buffered_json_lines import BufferedJsonLines


class Row(msgspec.Struct):
    number: int
    name: str = ""


def write(path, *numbers):
    rows = BufferedJsonLines(path, Row)
    rows.append([Row(n, "näme") for n in numbers])
    return rows


def read(path):
    return [row.number for row in BufferedJsonLines(path, Row).read()]


def test_rows_come_back_in_order_over_many_starts(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    write(path, 1, 2)
    write(path, 3)
    assert read(path) == [1, 2, 3]


def test_full_disk_is_logged_once_and_its_rows_are_written_later(tmp_path, caplog, monkeypatch):
    path = tmp_path / "rows.jsonl"
    rows = write(path, 1)
    real = type(path).open
    full = True

    def open_(self, mode="r", **options):
        if full and "a" in mode:
            with real(self, mode, **options) as file:
                file.write(b'{"num')  # a part fits
            raise OSError(28, "No space left on device")
        return real(self, mode, **options)

    monkeypatch.setattr(type(path), "open", open_)
    with caplog.at_level(logging.WARNING):
        rows.append([Row(2)])
        rows.append([Row(3)])
    assert caplog.text.count("No space left") == 1
    assert read(path) == [1]
    full = False
    rows.append([Row(4)])
    assert read(path) == [1, 2, 3, 4]


def test_no_rows_make_no_file(tmp_path):
    path = tmp_path / "rows.jsonl"
    write(path)
    assert not path.exists()
