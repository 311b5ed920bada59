"""Ways to be stuck and slow runs that are well, on a virtual clock: real messages, heartbeats and episodes go through
the node, and its status is read and judged outside, as telemetry does it."""

import contextlib
import functools

import msgspec
import numpy as np
import pytest

from soulsai_core.contracts import Sync
from soulsai_core.errors import SoulsAIError, TransportError
from soulsai_core.node.health.judging import judge
from soulsai_core.node.status.node_status import NodeStatus
from soulsai_core.steps import End

WALL = 1.7e9
WELL = 300.0
"""Seconds for which all is well before something happens."""

LATEST = 120.0
"""Seconds after its threshold within which each way to be stuck must be told."""


class Run:
    """A node whose threads are not started, driven by hand: each tick is some seconds of a training.

    Attributes:
        seconds: since the training began.
        reachable: whether the server answers to those outside.
    """

    def __init__(self, harness, tick):
        self.harness, self.node, self.clock = harness, harness.node, harness.clock
        self.tick, self.seconds, self.reachable, self.dead = tick, 0.0, True, False
        self.steps, self.reports, self._after = {}, 0, ""
        self._last = None
        self.node._threads = ()
        self.node._start()

    def go_on(self, behave):
        """Let one tick pass; returns the judgment at its end."""
        self.clock.now += self.tick
        self.seconds += self.tick
        behave(self)
        if not self.dead:
            try:
                self._serve()
            except TransportError:
                pass
            except SoulsAIError as error:
                self.node._state.fail(error)
                self.node._monitor._write_status(ended=True)
                self.dead = True
        return self._judged()

    def _serve(self):
        for entry in self.harness.server.samples.read(self._after, 1000):
            self._after = entry.id
            self.node._process(entry, self.node._intake.decode(entry.payload))
            self.node._make_due_updates()
        if self.node._storage.journal is None:
            self.harness.server.samples.drop_before(self.harness.server.samples.end)  # as the receiver does
        else:
            with contextlib.suppress(OSError):
                self.node._storage.journal.flush()
        self.node._turn()
        self.node._monitor._step()

    def _judged(self):
        wall = WALL + self.seconds
        if self.reachable:
            age, payload = self.harness.outside.read_status()
            self._last = msgspec.json.decode(payload, type=NodeStatus)
            self._read_at = wall
            return judge(self._last, age=age, now=wall)
        return judge(self._last, age=wall - self._read_at, now=wall, reachable=False)

    # -- what clients do

    def beat(self, client="pc", steps=0, **info):
        """A heartbeat of a client that has made so many more steps."""
        self.steps[client] = self.steps.get(client, 0) + steps
        if self.reachable:
            self.harness.heartbeat(client, env_steps=self.steps[client], **info)

    def send(self, rows=50, client="pc", iteration=None, **options):
        iteration = self.node.iteration if iteration is None else iteration
        if self.reachable:
            self.harness.send([iteration] * rows, client, **options)

    def report(self, reward):
        self.reports += 1
        self.harness.report(self.reports, reward)

    def play(self, rows=50, client="pc", **options):
        """Steps arrive, and an episode ends now and then."""
        self.beat(client, rows)
        self.send(rows, client, **options)
        if self.seconds % (4 * self.tick) == 0:
            self.report(self.seconds % 7)


@pytest.fixture
def make_run(make_harness, learner, monkeypatch):
    for name in ("monitor._INTERVAL", "training._IDLE", "training._WRITE"):
        monkeypatch.setattr(f"soulsai_core.node.{name}", 0.0)

    def make(tick, rows_per_iteration=50, *, journal=False):
        sync = Sync(3, rows_per_iteration)
        rarely = {"checkpoint_every_s": 1e9, "checkpoint_every": 10**9}
        return Run(make_harness(learner, sync=sync, journal=journal, **rarely), tick)

    return make


def later(behave):
    """All is well at first."""

    @functools.wraps(behave)
    def behaves(run):
        if run.seconds <= WELL:
            run.play()
        else:
            behave(run)

    return behaves


@later
def no_client(run):
    pass


@later
def frozen_game(run):
    run.beat()


@later
def frozen_picture(run):
    run.beat(steps=50)
    run.send(observation=np.full((50, 2), 3.0, np.float32))


@later
def all_rejected(run):
    run.beat(steps=50)
    run.send(iteration=max(run.node.iteration - 20, 0))


@later
def diverged(run):
    run.node._learner.diverges_at = run.node._learner.updates + 1
    run.play()


def flat(run):
    run.play()
    run.report(run.reports % 5)
    run.report(run.reports % 3)


@later
def disk_full(run):
    def write(self, data):
        raise OSError(28, "No space left on device")

    run.patch.setattr("soulsai_core.journal.disk.OpenFile.write", write)
    run.play()


@later
def node_dead(run):
    run.dead = True


@later
def redis_gone(run):
    run.reachable = False
    run.harness.transport.away = True


def one_of_two_hangs(run):
    """The other one has sent its part, and waits."""
    well = run.seconds <= WELL
    run.beat("pc2", 50 if well else 0)
    if well:
        run.play()
    else:
        run.beat()
        run.node._learner.waits_for = lambda: ("pc2",)


@later
def clock_set_back(run):
    run.harness.server.clock = lambda: run.clock.now - 3600
    run.beat()


@later
def nothing_can_be_sent(run):
    run.beat(steps=50)


PATIENCE = 210.0  # client.start_timeout_s and client.step_timeout_s

STUCK = {
    no_client: ("no_client", WELL + 15),
    frozen_game: ("frozen_game", WELL + PATIENCE),
    frozen_picture: ("same_observation", WELL + PATIENCE),
    all_rejected: ("all_rejected", WELL + 60),
    diverged: ("failed", WELL),
    disk_full: ("journal", WELL),
    node_dead: ("node_silent", WELL + 5),
    redis_gone: ("server_lost", WELL),
    one_of_two_hangs: ("waits_for_client", WELL + PATIENCE),
    clock_set_back: ("frozen_game", WELL + PATIENCE),
    nothing_can_be_sent: ("no_samples", WELL + PATIENCE),
    flat: ("returns_flat", 3600.0),
}
"""What happens -> the condition that tells it, and the second at which its threshold is reached."""


@pytest.mark.parametrize("behave", STUCK, ids=lambda behave: behave.__name__)
def test_each_way_to_be_stuck_is_told_within_two_minutes_of_its_threshold(make_run, monkeypatch, behave):
    name, threshold = STUCK[behave]
    run = make_run(tick=20.0 if behave is flat else 5.0, journal=behave is disk_full)
    run.patch = monkeypatch
    told = None
    while told is None and run.seconds < threshold + LATEST:
        health = run.go_on(behave)
        names = [condition.name for condition in health.conditions]
        if 3 * run.tick < run.seconds <= WELL:
            assert (health.state, names) == ("learning", [])
        told = run.seconds if name in names else None
    assert told is not None, (health.state, names)
    assert told > threshold - 2 * run.tick
    assert health.conditions[0].sentence and health.conditions[0].advice


# -- slow, and well


def one_step_a_minute(run):
    run.beat(steps=int(run.seconds % 60 == 0))
    if run.seconds % 60 == 0:
        run.send(1)


def loading_screens(run):
    """Three minutes of play, then two and a half of loading in which no step is made."""
    playing = run.seconds % 330 < 180
    run.play() if playing else run.beat()


def pictures_of_a_loading_screen(run):
    """As before, but steps are made meanwhile, all with one picture."""
    playing = run.seconds % 330 < 180
    run.play() if playing else run.play(observation=np.full((50, 2), 3.0, np.float32))


def one_picture_in_short_episodes(run):
    """As a bandit, whose observation says nothing."""
    run.beat(steps=50)
    run.send(observation=np.full((50, 2), 3.0, np.float32), end=int(End.TERMINATED))


def long_rollout(run):
    run.play()


def long_updates(run):
    def wait():
        run.clock.now += 15.0

    run.node._learner.before_update = wait
    run.play()


def episodes_of_twenty_minutes(run):
    run.beat(steps=50)
    run.send()
    if run.seconds % 1200 == 0:
        run.report(run.seconds)


def slowly_rising(run):
    run.play()
    for _ in range(3):
        run.report(run.seconds / 100 + run.reports % 5)


def some_stale(run):
    run.play()
    run.send(5, iteration=max(run.node.iteration - 20, 0))


def clock_of_the_server_jumps(run):
    if run.seconds == WELL:
        run.harness.server.clock = lambda: run.clock.now - 3600
    run.play()


def clients_come_and_go(run):
    run.play(client=f"pc{int(run.seconds // 120)}")


SLOW = {
    one_step_a_minute: {"tick": 20.0, "rows_per_iteration": 4},
    loading_screens: {"tick": 10.0},
    pictures_of_a_loading_screen: {"tick": 10.0},
    one_picture_in_short_episodes: {"tick": 10.0},
    long_rollout: {"tick": 20.0, "rows_per_iteration": 10**9},
    long_updates: {"tick": 20.0},
    episodes_of_twenty_minutes: {"tick": 20.0},
    slowly_rising: {"tick": 30.0},
    some_stale: {"tick": 10.0},
    clock_of_the_server_jumps: {"tick": 10.0},
    clients_come_and_go: {"tick": 10.0},
}


@pytest.mark.parametrize("behave", SLOW, ids=lambda behave: behave.__name__)
def test_of_a_slow_run_no_false_word_is_said(make_run, behave):
    run = make_run(**SLOW[behave])
    for _ in range(round((7800.0 if behave is slowly_rising else 1500.0) / run.tick)):
        health = run.go_on(behave)
        names = [condition.name for condition in health.conditions]
        assert names == [] and health.state in ("learning", "collecting"), (run.seconds, health.sentence)


def test_outside_and_inside_say_the_same_of_a_server_that_is_gone(make_run):
    run = make_run(tick=5.0)
    while run.seconds < WELL + 20:
        health = run.go_on(redis_gone)
    own = run.node.health(WALL + run.seconds)
    assert (health.state, health.conditions[0].name) == (own.state, own.conditions[0].name) == ("silent", "server_lost")
