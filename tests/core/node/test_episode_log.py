"""Episode results in a file that survives kills and full disks, and remembers how far the stream was read."""

import io
import json
from pathlib import Path

import msgspec
import pytest

from soulsai_core.messages import Episode
from soulsai_core.node.episode_log import EpisodeLog, EpisodeRow
from soulsai_core.node.json_lines import JsonLines


def episode(number=1, reward=1.0, client="pc", *, complete=True, id=None):
    return Episode(
        f"{client}-{number}" if id is None else id, client, reward, 10, 3, 1.23456, complete, {"epsilon": 0.5}
    )


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "episodes.jsonl"


def test_episode_becomes_one_line_with_the_steps_of_the_run(path):
    assert EpisodeLog(path, 20).append([("7-0", episode(4, 12.5))], env_steps=900, read_to="7-0") == [episode(4, 12.5)]
    assert rows(path) == [
        {
            "id": "pc-4",
            "client": "pc",
            "total_reward": 12.5,
            "length": 10,
            "iteration": 3,
            "env_steps": 900,
            "seconds": 1.235,
            "complete": True,
            "metrics": {"epsilon": 0.5},
            "entry": "7-0",
            "number": 1,
            "evaluation": 0,
        }
    ]


def test_metrics_of_the_newest_complete_episode_of_training_are_known_also_after_opening(path):
    log = EpisodeLog(path, 3)
    first = msgspec.structs.replace(episode(1), metrics={"epsilon": 0.5})
    other = msgspec.structs.replace(episode(2), metrics={"epsilon": 0.0}, evaluation=5)
    log.append([("1", first), ("2", other)], 1, "2")
    assert log.newest_metrics == EpisodeLog(path, 3).newest_metrics == {"epsilon": 0.5}


def test_mean_return_is_that_of_the_last_complete_episodes(path):
    log = EpisodeLog(path, window=3)
    assert log.mean_return is None and not log.window_is_full
    for number, reward in enumerate((100.0, 1.0, 2.0, 6.0), start=1):
        log.append([(f"{number}", episode(number, reward))], 0, f"{number}")
    log.append([("5", episode(5, -1000.0, complete=False))], 0, "5")
    assert log.mean_return == 3.0 and log.window_is_full and log.count == 5


def test_repeated_report_is_left_out_whether_it_comes_at_once_or_later(path):
    log = EpisodeLog(path, 20)
    assert log.append([("1", episode(1)), ("2", episode(1))], 0, "2") == [episode(1)]
    assert log.append([("3", episode(1))], 0, "3") == []
    assert log.append([("4", episode(2)), ("5", episode(1, client="other"))], 0, "5") != []
    assert [row["id"] for row in rows(path)] == ["pc-1", "pc-2", "other-1"]


def test_entries_that_are_read_again_from_the_first_give_no_episode_twice(path):
    log = EpisodeLog(path, 20)
    entries = [(str(place), episode(number)) for place, number in enumerate((1, 5, 3))]
    assert len(log.append(entries, 0, "3")) == 3
    log.read_from_the_first()
    assert log.cursor == "" and log.append(entries, 0, "3") == [] and log.count == 3


def test_log_that_is_opened_again_goes_on_where_it_was(path):
    log = EpisodeLog(path, 20)
    log.append([(str(n), episode(n, float(n))) for n in (1, 2, 3)], 0, "3")
    again = EpisodeLog(path, 20)
    assert (again.count, again.cursor, again.mean_return) == (3, "3", 2.0)
    assert again.append([("3", episode(3))], 0, "3") == [], "it knows what it has"


def test_cursor_moves_over_entries_that_gave_no_episode(path):
    log = EpisodeLog(path, 20)
    log.append([], 0, read_to="9")
    assert log.cursor == "9" and not path.exists()


@pytest.mark.parametrize("torn", [b'{"id": "pc-3", "cli', b'{"id": 3}\n', b"\xff\xfe\n", b"null\n", b"\n"])
def test_line_torn_by_a_kill_is_replaced_by_the_next(path, torn):
    log = EpisodeLog(path, 20)
    log.append([(str(n), episode(n)) for n in (1, 2)], 0, "2")
    path.write_bytes(path.read_bytes() + torn)
    again = EpisodeLog(path, 20)
    assert (again.count, again.cursor) == (2, "2")
    again.append([("3", episode(3))], 0, "3")
    assert [row["id"] for row in rows(path)] == ["pc-1", "pc-2", "pc-3"]


def test_line_spoilt_in_the_middle_costs_no_other(path):
    EpisodeLog(path, 20).append([(str(n), episode(n, float(n))) for n in (1, 2, 3)], 0, "3")
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"spoilt\n" + third)
    log = EpisodeLog(path, 20)
    assert (log.count, log.cursor, log.mean_return) == (3, "3", 2.0)
    log.append([("4", episode(4))], 0, "4")
    assert path.read_bytes().startswith(first + b"spoilt\n" + third)


def test_kill_at_any_byte_loses_the_torn_line_only(path):
    EpisodeLog(path, 20).append([(str(n), episode(n)) for n in (1, 2)], 0, "2")
    whole = path.read_bytes()
    ends = [whole.index(b"\n") + 1, len(whole)]
    for size in sorted({*range(0, len(whole), 29), *(end - before for end in ends for before in (0, 1, 2))}):
        path.write_bytes(whole[:size])
        log = EpisodeLog(path, 20)
        assert log.count == whole[:size].count(b"\n")
        log.append([("2", episode(2)), ("3", episode(3))], 0, "3")
        assert [row["id"] for row in rows(path)][-2:] == ["pc-2", "pc-3"] and len(rows(path)) == log.count


def test_full_disk_changes_nothing_and_the_same_entries_can_be_given_again(path, monkeypatch):
    log = EpisodeLog(path, 20)
    log.append([("1", episode(1))], 0, "1")
    original = Path.open

    class Full(io.FileIO):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda self, mode: Full(self, mode.replace("b", "")))
        for _ in range(2):
            with pytest.raises(OSError, match="No space left"):
                log.append([("2", episode(2))], 0, "2")
    assert Path.open is original and (log.count, log.cursor) == (1, "1")
    assert log.append([("2", episode(2))], 0, "2") == [episode(2)]
    assert [row["id"] for row in rows(path)] == ["pc-1", "pc-2"], "the torn lines are gone"


@pytest.mark.parametrize("id", ["pc", "pc-", "pc-x", "pc-²", "pc-" + "9" * 5000, "", "pc-0", "pc--"])
def test_episode_whose_id_has_no_number_is_left_out(path, id):
    assert EpisodeLog(path, 20).append([("1", episode(id=id))], 0, "1") == []


def test_clients_long_gone_are_forgotten(path):
    log = EpisodeLog(path, 20)
    log.append([(str(n), episode(1, client=f"pc{n}")) for n in range(1001)], 0, "1001")
    assert log.append([("1002", episode(1, client="pc1000"))], 0, "1002") == []
    assert len(log.append([("1003", episode(1, client="pc0"))], 0, "1003")) == 1


def test_episodes_are_counted_on_after_the_oldest_have_been_dropped(path):
    log = EpisodeLog(path, 5, 2000)
    for number in range(1, 101):
        log.append([(str(number), episode(number, 1.0))], 0, str(number))
    again = EpisodeLog(path, 5, 2000)
    assert (again.count, again.cursor, again.mean_return) == (100, "100", 1.0)
    assert len(list(JsonLines(path, EpisodeRow).read())) < 50
