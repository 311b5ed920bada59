"""A node that is killed at any moment loses nothing and repeats nothing: neither of what it acknowledged, nor of what
reached the server. If the power fails it loses what was not synced, and repeats nothing."""

import random
from collections import Counter
from copy import copy

import pytest
from disks import DyingDisk, ForgetfulDisk, Killed
from waiting import wait_for

from soulsai_core.contracts import Sync
from soulsai_core.run_folder import RunFolder
from soulsai_core.wire import encode_steps

ROWS = 3
SYNC = Sync(max_staleness=10_000, rows_per_iteration=4)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


CHANGES = {"announce", "publish", "publish_progress", "publish_evaluation", "release_samples", "write_status"}
"""What the node changes on the server: it may die before each."""
SEEDS = 4


class MortalTransport:
    """The process's connection to the server, which outlives it."""

    def __init__(self, transport, disk):
        self._transport = transport
        self._disk = disk

    def __getattr__(self, name):
        if self._disk.dead:
            raise Killed
        if name in CHANGES:
            self._disk.step("server")
        return getattr(self._transport, name)


@pytest.fixture(autouse=True)
def _short_ends(monkeypatch):
    """Threads that died with their process are not waited for."""
    monkeypatch.setattr("soulsai_core.node.training._LAST_WRITE", 0.05)
    monkeypatch.setattr("soulsai_core.node.saving.saving_thread._FINISH_TIMEOUT", 0.05)
    monkeypatch.setattr("soulsai_core.node.saving.saver._SYNC_TIMEOUT", 0.5)
    monkeypatch.setattr("soulsai_core.journal.journal.SYNC_INTERVAL", 0.01)
    monkeypatch.setattr("soulsai_core.journal.journal._LATE", 0.1)
    monkeypatch.setattr("soulsai_core.journal.journal.SEGMENT_BYTES", 2000)


class Lives:
    """One run, whose node is killed again and again."""

    def __init__(self, make_harness, new_learner, steps, monkeypatch, folder):
        self._make_harness = make_harness
        self._new_learner = new_learner
        self._steps = steps
        self._monkeypatch = monkeypatch
        self._folder = folder
        self.sent = 0
        self.died_at = Counter()

    def begin(self, disk):
        for module in ("journal.journal", "node.saving.saver", "node.saving.resuming"):
            self._monkeypatch.setattr(f"soulsai_core.{module}.Disk", lambda: disk)
        folder = RunFolder(self._folder)
        harness = self._make_harness(self._new_learner(), folder=folder, sync=SYNC, checkpoint_every=2)
        self._outside = harness.outside
        node = harness.node
        mortal = MortalTransport(node._transport, disk)
        for part in (node._receiver, node._publishing_thread, node._monitor, node._lease, node._starting):
            part._transport = mortal
        if self.sent:
            try:
                harness.node.resume()
            except Killed:
                return harness
        harness._thread.start()
        return harness

    def live(self, disk, messages):
        """Send messages to a node until it dies, or has taken in all of them."""
        harness = self.begin(disk)
        for _ in range(messages):
            if self._server_is_ready(harness, disk):
                self.send(harness)
        wait_for("the end of this life", lambda: disk.dead or self._has_newest(harness))
        disk.dead = True
        harness.node._state.stop("killed")
        if harness._thread.ident is not None:
            harness._thread.join(60)
        self.died_at[self._kind(disk.died_at)] += 1

    def _has_newest(self, harness):
        """Whether the node has learned from the newest message."""
        rows = harness.learner.rows
        return not self.sent or (bool(rows) and len(rows) % ROWS == 0 and round(rows[-1][2] * 100) == self.sent)

    def _kind(self, changed):
        """What the node was about to change when it died."""
        if not changed:
            return "between its work"
        if changed == "server":
            return "server"
        return changed.relative_to(self._folder).parts[0] if changed != self._folder else "names in the run's folder"

    @staticmethod
    def _server_is_ready(harness, disk):
        wait_for("the start", lambda: disk.dead or harness.error or harness.recorder.all("weights_published"))
        return not disk.dead

    def send(self, harness):
        self.sent += 1
        steps = self._steps([0] * ROWS, self.sent / 100, position=ROWS * (self.sent - 1))
        harness.outside.push_samples([encode_steps(self._folder.name, "pc", self.sent, steps)])

    def messages(self):
        """Numbers of the messages that a node that lives has learned from. It has all rows of each of them."""
        harness = self.begin(DyingDisk(None))
        wait_for("the start", lambda: harness.error or harness.recorder.all("weights_published"))
        self.send(harness)
        wait_for("the newest message", lambda: harness.error or self._has_newest(harness))
        assert harness.error is None
        harness.node.shutdown("the test is over")
        harness.join()
        values = [round(row[2] * 100) for row in harness.learner.rows]
        assert harness.node.env_steps == len(values)
        assert [values.count(number) for number in values] == [ROWS] * len(values)
        return values[::ROWS]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_each_row_is_learned_from_once_whenever_the_node_is_killed(
    make_harness, new_learner, steps, monkeypatch, tmp_path, pytestconfig, seed
):
    (tmp_path / "run").mkdir()
    lives = Lives(make_harness, new_learner, steps, monkeypatch, tmp_path / "run")
    rng = random.Random(seed)
    for _ in range(pytestconfig.getoption("lives") // SEEDS):
        lives.live(DyingDisk(rng.randint(0, 80)), messages=rng.randint(1, 6))
    print("The node died before it changed:", dict(lives.died_at))
    assert lives.messages() == list(range(1, lives.sent + 1))


@pytest.mark.parametrize("seed", range(2))
def test_no_row_is_learned_from_twice_whenever_the_power_fails(
    make_harness, new_learner, steps, monkeypatch, tmp_path, seed
):
    """What the disk forgets is lost, and the node goes on with the rest."""
    monkeypatch.setattr("soulsai_core.journal.journal.SYNC_INTERVAL", 0.2)  # so that there is something to forget
    (tmp_path / "run").mkdir()
    lives = Lives(make_harness, new_learner, steps, monkeypatch, tmp_path / "run")
    rng = random.Random(seed)
    disk = ForgetfulDisk(tmp_path / "run", seed)
    for _ in range(8):
        disk.dies_after(rng.randint(0, 120))
        lives.live(disk, messages=rng.randint(1, 6))
        disk = copy(disk)  # threads of the process before still have the old one, which stays dead
        disk.cut_power()
    messages = lives.messages()
    assert messages == sorted(set(messages)) and messages[-1] == lives.sent
