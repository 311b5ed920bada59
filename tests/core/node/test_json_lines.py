"""JSON lines: every row that was written whole comes back, whatever a kill or a full disk did."""

import msgspec
import pytest

from soulsai_core.node.json_lines import JsonLines


class Row(msgspec.Struct):
    number: int
    name: str = ""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "rows.jsonl"


def append(path, *numbers):
    JsonLines(path, Row).append([Row(number, "näme") for number in numbers])


def read(path):
    return [row.number for row in JsonLines(path, Row).read()]


def test_rows_come_back_in_order_over_many_starts(path):
    append(path, 1, 2)
    append(path, 3)
    assert read(path) == [1, 2, 3]


def test_missing_file_has_no_rows(path):
    assert read(path) == []
    assert not path.parent.exists()


def test_kill_at_any_byte_costs_only_the_torn_row(path):
    append(path, 1, 2, 3)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        kept = whole[:size].count(b"\n")
        assert read(path) == [1, 2, 3][:kept]
        append(path, 9)
        assert read(path) == [*[1, 2, 3][:kept], 9]


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"\xff\xfe\n", b"null\n", b'{"number": "one"}\n', b"\n", b'{"a":' + b"[" * 9000 + b"\n"]
)
def test_unreadable_line_is_skipped_and_logged(path, caplog, line):
    append(path, 1)
    good = path.read_bytes()
    path.write_bytes(good + line + good)
    assert read(path) == [1, 1]
    assert "1 lines of" in caplog.text and "rows.jsonl" in caplog.text


def test_reading_changes_nothing(path):
    append(path, 1)
    torn = path.read_bytes() + b'{"num'
    path.write_bytes(torn)
    assert read(path) == [1]
    assert path.read_bytes() == torn


def test_failed_write_changes_nothing_and_can_be_repeated(path, monkeypatch):
    rows = JsonLines(path, Row)
    rows.append([Row(1)])
    real = type(path).open

    def full(self, mode):
        with real(self, mode) as file:
            file.write(b'{"num')  # a part fits
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(path), "open", full)
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                rows.append([Row(2)])
    rows.append([Row(2)])
    assert read(path) == [1, 2]


def test_file_that_was_removed_is_begun_again(path):
    rows = JsonLines(path, Row)
    rows.append([Row(1)])
    path.unlink()
    rows.append([Row(2)])
    assert read(path) == [2]


def test_file_that_becomes_too_large_is_set_aside_and_the_newest_rows_are_kept(path):
    limit = 1000
    lines = JsonLines(path, Row, limit)
    for number in range(200):
        lines.append([Row(number, "näme")])
        assert sum(file.stat().st_size for file in path.parent.iterdir()) <= 2 * limit
    kept = [row.number for row in JsonLines(path, Row, limit).read()]
    assert kept == list(range(kept[0], 200)) and len(kept) > 30
    JsonLines(path, Row, limit).append([Row(200)])
    assert read(path)[-1] == 200
