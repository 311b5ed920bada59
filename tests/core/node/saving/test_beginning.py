"""A run that begins with what another one has keeps all of it in its own folder."""

import contextlib
import itertools

import numpy as np
import pytest
from disks import DyingDisk, Killed

from soulsai_core import checkpoint
from soulsai_core.cli.runs import resumable_under
from soulsai_core.errors import CheckpointError
from soulsai_core.journal import segments
from soulsai_core.journal.disk import OpenFile
from soulsai_core.journal.records import CLIENTS, TAKEN
from soulsai_core.run_folder import RunFolder
from soulsai_core.steps import SOURCE, Source

ORIGIN = "the weights and steps of another"


@pytest.fixture
def roomy(new_learner):
    """Learners that keep the newest 20 rows, and begin with as many."""

    class Roomy(new_learner):
        def capacity(self):
            return 20

        def begin_with(self, steps, client):
            self.calls.append("begin_with")
            self._take(steps, client)

        def _take(self, steps, client):
            super()._take(steps, client)
            del self.rows[:-20]

    return Roomy


@pytest.fixture
def others(steps):
    """Five messages of two clients with three rows each, whose first numbers are 1 to 5."""
    return [
        (f"pc-{number % 2}", steps([7, 8, 8], number, position=3 * (number // 2))) for number in range(1, 6)
    ]  # fmt: skip


@pytest.fixture
def begun(make_harness, roomy, others):
    """A run that has begun with them, whose process has ended before it was trained."""
    harness = make_harness(roomy())
    harness.node.beginning.take(others)
    harness.node.beginning.save(ORIGIN)
    return harness


def values(learner):
    return [value for _, _, value in learner.rows]


TAKEN_VALUES = [float(number) for number in range(1, 6) for _ in range(3)]


def test_steps_are_learned_from_and_do_not_count_as_steps_of_the_run(begun):
    assert values(begun.learner) == TAKEN_VALUES
    assert {iteration for _, iteration, _ in begun.learner.rows} == {0}
    assert (begun.node.env_steps, begun.node.iteration) == (0, 0)
    begun.start()
    assert begun.take_in([0] * 3) == (3, {})
    begun.heartbeat()
    assert begun.node.env_steps == 3 and not begun.recorder.all("model_updated"), "an update needs 4 rows of its own"
    begun.take_in([0])
    begun.recorder.wait("model_updated", where=lambda event: (event["iteration"], event["env_steps"]) == (1, 4))
    assert [event["resumed"] for event in begun.recorder.all("training_started")] == [False]


def test_all_of_it_is_in_the_first_checkpoint_and_the_journal_before_the_training_begins(begun):
    _, counters = checkpoint.read(begun.folder.checkpoint)
    assert (counters["env_steps"], counters["reach"]) == (0, 15)
    assert counters["origin"] == {"text": ORIGIN, "steps": 15}
    kinds = [entry.record.kind for entry in segments.read(segments.find(begun.folder.journal))]
    assert kinds == [TAKEN] * 5 + [CLIENTS]
    assert not begun.recorder.all("checkpoint_saved"), "no one has heard of the training yet"


def test_their_clients_are_gone_and_no_row_of_theirs_is_acknowledged(begun):
    assert ("clients", frozenset()) in begun.learner.calls
    begun.start()
    assert begun.take_in([0], "pc-1") == (1, {}), "its first message is not taken for a repeat"


def test_run_goes_on_with_them_after_each_end(begun, make_harness, roomy):
    again = make_harness(roomy(), folder=begun.folder)
    again.node.resume()
    again.start()
    assert values(again.learner) == TAKEN_VALUES and ("restored", True) in again.learner.calls
    assert again.node.env_steps == 0
    again.take_in([0] * 3)
    again.stop()
    third = make_harness(roomy(), folder=begun.folder)
    third.node.resume()
    third.start()
    assert values(third.learner) == [*TAKEN_VALUES, 1, 1, 1] and ("restored", True) in third.learner.calls
    assert third.node.env_steps == 3
    third.take_in([0] * 10, "pc-9", number=7)
    third.stop()
    fourth = make_harness(roomy(), folder=begun.folder)
    fourth.node.resume()
    fourth.start()
    assert values(fourth.learner) == [*TAKEN_VALUES[8:], 1, 1, 1, *[7] * 10]
    assert ("restored", True) in fourth.learner.calls and fourth.node.env_steps == 13


def test_segments_of_which_no_row_is_needed_are_removed(begun, make_harness, roomy, monkeypatch):
    monkeypatch.setattr("soulsai_core.journal.journal.SEGMENT_BYTES", 300)
    harness = make_harness(roomy(), folder=begun.folder)
    harness.node.resume()
    harness.start()
    before = set(begun.folder.journal.iterdir())
    for _ in range(10):
        harness.take_in([harness.node.iteration] * 3)
    harness.stop()
    assert not before & set(begun.folder.journal.iterdir())
    again = make_harness(roomy(), folder=begun.folder)
    again.node.resume()
    again.start()
    assert values(again.learner) == values(harness.learner) and ("restored", True) in again.learner.calls


def test_run_whose_checkpoint_was_removed_begins_with_them_again(begun, make_harness, roomy):
    begun.start()
    begun.take_in([0] * 3)
    begun.stop()
    for path in begun.folder.path.glob("checkpoint*"):
        path.rename(path.with_name("elsewhere"))
    again = make_harness(roomy(), folder=begun.folder)
    again.node.resume()
    again.start()
    assert values(again.learner) == [*TAKEN_VALUES, 1, 1, 1] and again.learner.calls.count("begin_with") == 5
    assert again.node.env_steps == 3


def test_process_killed_at_any_moment_of_the_beginning_leaves_all_or_nothing(
    make_harness, roomy, others, tmp_path, monkeypatch
):
    monkeypatch.setattr("soulsai_core.node.saving.beginning._FLUSH_BYTES", 300)
    saves = tmp_path / "saves"
    resumable = []
    for lifetime in itertools.count():
        folder = RunFolder(saves / f"run-{lifetime}")
        folder.path.mkdir(parents=True)
        disk = DyingDisk(lifetime)
        with monkeypatch.context() as mortal, contextlib.suppress(Killed):
            for module in ("journal.journal", "node.saving.saver"):
                mortal.setattr(f"soulsai_core.{module}.Disk", lambda disk=disk: disk)
            learner = roomy()
            learner.updates = 5
            node = make_harness(learner, folder=folder).node
            node.beginning.take(others)
            node.beginning.save(ORIGIN)
            node.save_config(folder.config)
        resumable.append(folder.path in [run.path for run in resumable_under(saves)])
        if resumable[-1]:
            again = make_harness(roomy(), folder=folder)
            again.node.resume()
            again.start()
            assert values(again.learner) == TAKEN_VALUES and again.learner.updates == 5
            again.stop()
        if not disk.dead:
            break
    assert resumable == sorted(resumable) and len(resumable) > 8 and resumable[-1] and not resumable[0]


def test_rows_that_do_not_fit_are_counted_by_reason(make_harness, roomy, steps):
    harness = make_harness(roomy())
    foreign = np.full(3, 5, np.uint8)
    messages = [
        ("a", steps([0] * 3, 1)),
        ("a", steps([0] * 3, 2, position=3, action=foreign)),
        ("a", steps([0] * 2, 2, position=6, action=foreign[:2] + 1)),
        ("a", steps([0], 2, position=8, observation=np.zeros((1, 3), np.float32))),
        ("a", steps([0] * 2, 3, position=9, q=np.ones(2, np.float32))),
    ]
    found = harness.node.beginning.take(messages)
    assert (found.rows, found.columns) == (5, set())
    assert found.unfit == {
        "column action has 5, above 1": 5,
        "column observation has rows of (3,), not (2,)": 1,
    }  # fmt: skip
    assert values(harness.learner) == [1, 1, 1, 3, 3]


def test_rows_of_sources_that_are_not_learned_from_are_left_out(make_harness, roomy, steps):
    """Such as those of a person, where this algorithm learns from its agents alone."""
    harness = make_harness(roomy())
    mixed = steps([0, 0, 1, 1, 1], 2, position=3)
    mixed.segments[1, SOURCE] = Source.PERSON
    found = harness.node.beginning.take([("a", steps([0] * 3, 1)), ("a", mixed), ("b", steps([0], 3, source=2))])
    assert (found.rows, found.unfit) == (5, {"steps of other sources are not learned from": 4})
    assert values(harness.learner) == [1, 1, 1, 2, 2]


def test_full_disk_gets_a_sentence(make_harness, roomy, others, monkeypatch):
    def write(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(OpenFile, "write", write)
    harness = make_harness(roomy())
    with pytest.raises(CheckpointError, match=r"steps cannot be written to .*journal: No space left on device"):
        harness.node.beginning.take(others)
    with pytest.raises(CheckpointError, match="first checkpoint cannot be written: No space left on device"):
        make_harness(roomy()).node.beginning.save(ORIGIN)


def test_without_a_journal_they_last_as_long_as_the_process(make_harness, roomy, others):
    harness = make_harness(roomy(), journal=False)
    assert harness.node.beginning.take(others).rows == 15
    harness.node.beginning.save(ORIGIN)
    again = make_harness(roomy(), folder=harness.folder, journal=False)
    again.node.resume()
    again.start()
    assert not again.learner.rows and ("restored", False) in again.learner.calls
