"""The journal writes in order, says what it cannot write, and loses nothing that it called written."""

import random

import pytest
from disks import DyingDisk, ForgetfulDisk, Killed
from waiting import wait_for

from soulsai_core.journal import segments
from soulsai_core.journal.disk import Disk, OpenFile
from soulsai_core.journal.journal import _IDLE, SYNC_INTERVAL, Journal
from soulsai_core.journal.records import Limits, Record
from soulsai_core.journal.segments import End

LIMITS = Limits(3, 1)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal._RETRY", 0.02)
    monkeypatch.setattr("soulsai_core.journal.journal.SYNC_INTERVAL", 0.02)


@pytest.fixture
def make_journal(folder, clock):
    made = []

    def make(end=End(), **options):  # noqa: B008 - a tuple
        made.append(Journal(folder, end, LIMITS, clock, random.Random(0), **options))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


def numbered(count, first=0):
    return [Record(b"message %d" % number, number // 4, 2) for number in range(first, first + count)]


def entries(folder):
    return [(entry.number, entry.record.payload) for entry in segments.read(segments.find(folder))]


def expected(stop, first=0):
    return [(number, b"message %d" % number) for number in range(first, stop)]


def fill(journal, count):
    for record in numbered(count, journal.end.record):
        journal.append(record)


def test_records_are_written_in_order_and_read_with_their_places(make_journal, folder):
    journal = make_journal()
    journal.start()
    fill(journal, 20)
    assert journal.wait_written(60) and journal.written == journal.released == 20
    assert journal.wait_synced(20, 60)
    read = list(segments.read(segments.find(folder), first=5, stop=9))
    assert [(e.number, e.rows_before, e.record.rows, e.limits) for e in read] == [
        (number, 2 * number, 2, LIMITS) for number in range(5, 9)
    ]
    assert segments.end_of(segments.find(folder)) == End(20, 40)
    journal.check()


def test_segments_are_begun_at_their_size_and_each_process_begins_a_new_one(make_journal, folder):
    journal = make_journal(segment_bytes=100)
    journal.start()
    for _ in range(12):
        fill(journal, 1)
        assert journal.wait_written(60)
    journal.close()
    before = len(segments.find(folder))
    assert before > 2
    again = make_journal(segments.repair(folder, Disk()))
    again.start()
    fill(again, 3)
    again.close()
    assert len(segments.find(folder)) == before + 1 and entries(folder) == expected(15)


class FailingDisk(Disk):
    """Writes a part of the data and fails, until there is room again."""

    def __init__(self):
        self.full = False

    def create(self, path):
        return _FailingFile(path, super().create(path)._file, self)


class _FailingFile(OpenFile):
    def __init__(self, path, file, disk):
        super().__init__(path, file)
        self._disk = disk

    def write(self, data):
        if self._disk.full:
            super().write(data[: 2 * len(data) // 3])
            raise OSError(28, "No space left on device")
        super().write(data)


def test_full_disk_is_said_and_made_good_once_there_is_room(make_journal, folder, caplog):
    disk = FailingDisk()
    journal = make_journal(disk=disk)
    journal.start()
    fill(journal, 3)
    assert journal.wait_written(60) and journal.problem == ""
    disk.full = True
    fill(journal, 5)
    wait_for("the problem", lambda: journal.problem)
    assert "cannot be written (No space left on device): 5 messages wait in memory" in journal.problem
    assert journal.written == 8, "clients go on"
    assert journal.released == 3, "and the server keeps what is not written"
    disk.full = False
    assert journal.wait_written(60)
    wait_for("the end of the problem", lambda: not journal.problem)
    journal.close()
    assert entries(folder) == expected(8)
    assert [r.levelname for r in caplog.records if "journal" in r.message] == ["ERROR", "WARNING"], "each said once"


def test_records_beyond_the_memory_are_given_up_and_counted_and_leave_a_gap(make_journal, folder):
    disk = FailingDisk()
    disk.full = True
    journal = make_journal(disk=disk, memory_bytes=200)
    journal.start()
    fill(journal, 100)
    wait_for("the problem", lambda: journal.problem)
    assert journal.given_up > 150 and "older rows are in no file" in journal.problem
    disk.full = False
    fill(journal, 1)
    assert journal.wait_written(60)
    journal.close()
    read = entries(folder)
    assert read == expected(101, first=101 - len(read)) and len(read) < 10
    first = next(segments.read(segments.find(folder)))
    assert first.rows_before == 2 * first.number


def test_disk_that_does_not_answer_is_a_problem_and_nobody_waits_for_it(make_journal, clock, monkeypatch):
    import threading

    answer = threading.Event()
    original = OpenFile.write

    def write(self, data):
        answer.wait(60)
        original(self, data)

    monkeypatch.setattr(OpenFile, "write", write)
    journal = make_journal()
    journal.start()
    fill(journal, 2)
    assert not journal.wait_written(0.05) and journal.problem == ""
    wait_for("the write", lambda: journal._busy_since is not None)
    clock.now += 5
    assert "does not answer" in journal.problem and journal.written == 2 and journal.released == 0
    answer.set()
    assert journal.wait_written(60) and journal.problem == ""


def test_sync_that_fails_is_said(make_journal, monkeypatch):
    def sync(self):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(OpenFile, "sync", sync)
    journal = make_journal()
    journal.start()
    fill(journal, 1)
    wait_for("the problem", lambda: "Input/output error" in journal.problem)
    monkeypatch.undo()
    wait_for("the end of the problem", lambda: not journal.problem)


# -- kills and power cuts, at each step on the disk


def lived(folder, disk, end, count=4):
    """Append records one by one until the process dies; returns how many were called written."""
    journal = Journal(folder, end, LIMITS, lambda: 0.0, random.Random(0), disk, segment_bytes=90)
    try:
        for _ in range(count):
            fill(journal, 1)
            journal._write_all()
            journal._sync_step()
    except Killed:
        return journal.released, journal._synced
    return journal.released, journal._synced


def test_kill_at_each_step_loses_nothing_that_was_written_and_repeats_nothing(folder, monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal.SYNC_INTERVAL", 0)
    total = 0
    for step in range(60):
        Disk().remove(folder)
        written, _ = lived(folder, DyingDisk(step), End())
        end = segments.repair(folder, Disk())
        assert end.record in (written, written + 1), "a record may be complete although nobody was told"
        assert entries(folder) == expected(end.record) and end.rows == 2 * end.record
        lived(folder, DyingDisk(None), end)
        assert entries(folder) == expected(end.record + 4)
        total = max(total, written)
    assert total == 4


@pytest.mark.parametrize("seed", range(5))
def test_power_cut_at_each_step_loses_nothing_that_was_synced(folder, seed, monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal.SYNC_INTERVAL", 0)
    for step in range(50):
        Disk().remove(folder.parent)
        disk = ForgetfulDisk(folder.parent, seed)
        disk.make_folder(folder.parent)
        disk.dies_after(step)
        _, synced = lived(folder, disk, End())
        disk.cut_power()
        end = segments.repair(folder, Disk())
        assert end.record >= synced and entries(folder) == expected(end.record)


@pytest.mark.parametrize("seed", range(3))
def test_power_cut_costs_a_second_of_records_at_most(folder, seed):
    """With the pauses of the journal's threads on a clock of the test's own, where a sync takes 0.3 seconds."""
    rng = random.Random(seed)
    disk = ForgetfulDisk(folder.parent, seed)
    disk.make_folder(folder.parent)
    journal = Journal(folder, End(), LIMITS, lambda: 0.0, rng, disk, segment_bytes=500)
    written_at = synced_at = now = 0.0
    lost = []
    for _ in range(rng.randint(100, 400)):
        now += 0.02
        fill(journal, 1)
        if now - written_at >= _IDLE:
            written_at = now
            journal._write_all()
        if now - synced_at >= SYNC_INTERVAL + 0.3:
            synced_at = now
            journal._sync_written()
        lost.append(0.02 * (journal.end.record - journal._synced))
    assert max(lost) <= 1.0
    synced = journal._synced
    disk.cut_power()
    end = segments.repair(folder, Disk())
    assert end.record >= synced > 0 and entries(folder) == expected(end.record)


# -- segments


def filled(make_journal, count=12):
    journal = make_journal(segment_bytes=60)
    journal.start()
    for _ in range(count):
        fill(journal, 1)
        assert journal.wait_written(60)
    assert journal.wait_synced(count, 60)
    return journal


@pytest.mark.parametrize(("first", "stop"), [(0, 1), (2, 7), (5, 5), (3, None), (0, 99)])
def test_records_are_read_from_a_number_to_another_whatever_their_segments(make_journal, folder, first, stop):
    filled(make_journal)
    numbers = [entry.number for entry in segments.read(segments.find(folder), first, stop)]
    assert numbers == list(range(first, min(12, 12 if stop is None else stop)))


def test_segments_out_of_reach_are_removed(make_journal, folder):
    filled(make_journal)
    segments.remove_before(folder, rows=13, disk=Disk())
    read = entries(folder)
    assert read == expected(12, first=read[0][0]) and 3 <= read[0][0] <= 6


@pytest.mark.parametrize("record", [0, 1, 5, 12, 20])
def test_journal_is_cut_and_links_keep_what_they_had(make_journal, folder, tmp_path, record):
    filled(make_journal)
    linked = segments.link(segments.find(folder), tmp_path / "linked", 12, Disk())
    assert set(linked) == {segment.name for segment in segments.find(folder)}
    segments.cut(folder, record, Disk())
    assert entries(folder) == expected(min(record, 12))
    assert entries(tmp_path / "linked") == expected(12)


def test_segments_are_copied_where_the_file_system_has_no_links(make_journal, folder, tmp_path, monkeypatch):
    filled(make_journal)

    def refuse(*paths):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    segments.link(segments.find(folder), tmp_path / "copied", 7, Disk())
    Disk().remove(folder)
    assert entries(tmp_path / "copied")[:7] == expected(7)


def test_two_folders_are_read_as_one(make_journal, folder, tmp_path):
    filled(make_journal)
    segments.link(segments.find(folder), tmp_path / "linked", 12, Disk())
    segments.remove_before(folder, rows=13, disk=Disk())
    both = segments.find(folder, tmp_path / "linked")
    assert [entry.number for entry in segments.read(both)] == list(range(12))


def test_file_without_a_header_is_removed_and_missing_folder_is_an_empty_journal(folder):
    assert segments.repair(folder, Disk()) == End() and segments.find(folder) == []
    folder.mkdir()
    (folder / segments.file_name(0)).write_bytes(b"SOUL")
    assert segments.repair(folder, Disk()) == End() and list(folder.iterdir()) == []
