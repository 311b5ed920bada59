"""The telemetry node: no episode is lost or counted twice, and no connector holds it up."""

import argparse
import logging
import threading
from functools import partial

import pytest

from soulsai_core import ConfigError, TransportError, hookimpl
from soulsai_core.transport.memory import MemoryTransport
from soulsai_telemetry.cli import reset_best
from soulsai_telemetry.node import NEW_TRAINING


class RecordingConnector:
    """Keeps what its hooks are called with."""

    def __init__(self):
        self.updates = []
        self.events = []
        self.statuses = []
        self.best = []
        self.saved = []

    @property
    def numbers(self):
        return [record.number for update in self.updates for record in update.records]

    @property
    def returns(self):
        return [record.values["return"] for update in self.updates for record in update.records]

    @hookimpl
    def training_started(self, run, folder, resumed):
        self.events.append(("started", run, resumed))

    @hookimpl
    def client_joined(self, client):
        self.events.append(("joined", client.id))

    @hookimpl
    def client_lost(self, client):
        self.events.append(("lost", client.id))

    @hookimpl
    def episode_finished(self, episode):
        self.events.append(("episode", episode.id))

    @hookimpl
    def training_stopped(self, reason):
        self.events.append(("stopped", reason))

    @hookimpl
    def episodes_recorded(self, update):
        self.updates.append(update)

    @hookimpl
    def status_received(self, status):
        self.statuses.append(status)

    @hookimpl
    def best_found(self, best):
        self.best.append(best.score)

    @hookimpl
    def checkpoint_saved(self, path, iteration, kind):
        self.saved.append((path.name, iteration, kind))


class Now:
    """A clock that stands still unless it is moved."""

    value = 1000.0

    def __call__(self):
        return self.value


@pytest.fixture
def now():
    return Now()


@pytest.fixture
def connector():
    return RecordingConnector()


def test_each_episode_is_recorded_in_order(training, start, connector):
    running = start(training.node(connector))
    training.report_returns(1, 2, 3)
    running.until(lambda: len(connector.numbers) == 3)
    assert (connector.numbers, connector.returns) == ([1, 2, 3], [1.0, 2.0, 3.0])
    assert connector.updates[-1].history.episodes == 3


def test_connectors_get_every_second_episode_and_the_rest_at_the_end(training, start, connector):
    running = start(training.node(connector, update_interval=2))
    for number in range(1, 6):
        training.report_returns(number)
        running.until_recorded(number)
    running.stop()
    assert [len(update.records) for update in connector.updates[1:]] == [2, 2, 1]


def test_odd_last_episode_is_given_to_connectors_when_no_other_follows(training, start, connector, now):
    running = start(training.node(connector, update_interval=2, clock=now))
    training.report_returns(1, 2, 3)
    running.until(lambda: connector.numbers == [1, 2])

    def given_after_a_while():
        now.value += 3  # again and again: the last episode may be read only after the first time
        return connector.numbers == [1, 2, 3]

    running.until(given_after_a_while)
    assert [len(update.records) for update in connector.updates if update.records] == [2, 1]


def test_server_that_does_not_answer_is_said_and_rates_are_not_those_of_now(training, start, connector):
    transport = LostServer(training.server)
    transport.back.set()
    running = start(training.node(connector, transport=transport))
    running.until(lambda: running.node.status is not None)
    transport.back.clear()
    running.until(lambda: running.node.status.health.state == "silent")
    assert "server" in running.node.status.health.sentence
    assert (running.node.status.admitted_per_second, running.node.live) == (0.0, True)
    transport.back.set()
    running.until(lambda: running.node.status.health.state != "silent")


def test_backlog_comes_in_few_updates(training, start, connector):
    training.report_returns(*range(900))
    running = start(training.node(connector, update_interval=2))
    running.until(lambda: len(connector.numbers) == 900)
    assert connector.numbers == list(range(1, 901))
    assert len(connector.updates) < 20


def test_hooks_are_called_from_the_start_to_the_end(training, start, connector):
    running = start(training.node(connector))
    training.report_returns(1)
    running.until(lambda: connector.statuses and connector.numbers)
    running.stop("enough seen")
    assert connector.events[0] == ("started", "run-1", False)
    assert {("joined", "client-1"), ("episode", "client-1-1")} <= set(connector.events)
    assert connector.events[-1] == ("stopped", "enough seen")


def test_client_that_is_gone_is_lost(training, start, connector):
    running = start(training.node(connector))
    running.until(lambda: ("joined", "client-1") in connector.events)
    training.write_status(clients=[])
    running.until(lambda: ("lost", "client-1") in connector.events)
    running.stop()
    assert connector.events.count(("lost", "client-1")) == 1


def test_faulty_reports_are_counted_and_others_recorded(training, start, connector):
    running = start(training.node(connector))
    training.report_returns(1)
    training.report("client-1-1", 99)
    training.transport.push_episodes([b"not an episode"])
    training.report("client-1-5", 5)
    training.report("client-1-4", 4)
    training.report("client-1-9", 9, run_id="another run")
    training.report("client-1-6", 6, complete=False)
    running.until(lambda: connector.numbers == [1, 2, 3, 4])
    assert connector.updates[-1].reports == {"late": 1, "repeated": 1, "garbled": 1, "foreign": 1, "incomplete": 1}


# -- restarts


@pytest.fixture
def stopped(training, start):
    """Runs a node until it has recorded these returns, and stops it."""

    def stopped(*returns, **settings):
        running = start(training.node(**settings))
        training.report_returns(*returns)
        running.until_recorded(len(returns))
        if training.answers:
            running.until(lambda: running.node.update().saved is not None)
        running.stop()

    return stopped


def test_restart_leaves_one_unbroken_history(training, start, stopped, connector):
    stopped(1, 2, 3)
    training.report_returns(4, 5)
    running = start(training.node(connector))
    training.report_returns(6)
    running.until_recorded(6)
    curve = running.node.history.curve("return")
    assert (curve.x.tolist(), curve.mean.tolist()) == ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    assert curve.average.tolist() == [1, 1.5, 2, 3, 4, 5]
    running.until(lambda: connector.events)
    assert connector.events[0] == ("started", "run-1", True)


def test_episodes_recorded_before_a_kill_come_again_so_that_none_is_missed(training, start, stopped, connector):
    stopped(1, 2)
    start(training.node(connector)).until(lambda: connector.updates)
    assert connector.numbers == [1, 2]


def test_report_repeated_after_a_restart_counts_once(training, start, stopped):
    stopped(1, 2)
    running = start(training.node())
    training.report("client-1-2", 2)
    training.report("client-1-3", 3)
    running.until_recorded(3)
    assert running.node.update().reports["repeated"] == 1


def test_line_torn_by_a_kill_is_read_from_the_stream_again(training, start, stopped):
    stopped(1, 2, 3)
    file = training.folder / "telemetry" / "episodes.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    running = start(training.node())
    running.until_recorded(3)
    assert running.node.history.curve("return").mean.tolist() == [1, 2, 3]


def test_empty_server_after_a_restart_of_redis_loses_nothing_that_was_recorded(training, start):
    running = start(training.node())
    training.report_returns(1, 2)
    running.until_recorded(2)
    stream = training.server.episodes
    stream.drop_before(stream.end)
    training.report_returns(3)
    running.until_recorded(3)
    assert running.node.history.curve("return").mean.tolist() == [1, 2, 3]


class LostServer(MemoryTransport):
    """A transport whose server is away until `back` is set.

    Attributes:
        failed: set once a read has failed.
    """

    def __init__(self, server):
        super().__init__(server)
        self.back = threading.Event()
        self.failed = threading.Event()

    def read_status(self):
        if not self.back.is_set():
            raise TransportError("No Redis server answers.")
        return super().read_status()

    def read_episodes(self, *arguments):
        if not self.back.is_set():
            self.failed.set()
            raise TransportError("No Redis server answers.")
        return super().read_episodes(*arguments)


def test_server_that_is_away_is_waited_for(training, start):
    transport = LostServer(training.server)
    running = start(training.node(transport=transport))
    training.report_returns(1)
    running.until(transport.failed.is_set)
    assert running.node.history.episodes == 0
    transport.back.set()
    running.until_recorded(1)


def test_another_training_ends_the_run(training, start):
    running = start(training.node())
    running.until(lambda: running.node.status is not None)
    training.write_status(run_id="run-2")
    running.join()
    assert running.reason == NEW_TRAINING


@pytest.mark.parametrize("status", [b"nonsense", b'{"run_id": "\xff"}'])
def test_unreadable_status_is_logged_and_the_next_one_is_taken(training, start, caplog, status):
    training.transport.write_status(status)
    running = start(training.node())
    training.report_returns(1)
    running.until(lambda: running.node.history.episodes == 1 and "status cannot be read" in caplog.text)
    training.write_status()
    running.until(lambda: running.node.status is not None)
    assert running.node.status.node.run_id == "run-1"


# -- the best model


def test_better_model_is_saved(training, start, connector):
    training.answer_commands()
    running = start(training.node(connector, best={"interval_s": 0}))
    training.report_returns(1, 2, 3)
    running.until(lambda: connector.saved)
    assert training.commands == ["save_best"]
    assert (connector.best, connector.saved) == ([2.0], [("best_model", 1, "best")])
    saved = running.node.update().saved
    assert (saved.score, saved.episode, saved.path) == (2.0, 3, "saves/run-1/best_model")


def test_worse_model_is_not_saved(training, start):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 0}))
    training.report_returns(9, 9, 9)
    running.until(lambda: running.node.update().saved is not None)
    training.report_returns(1, 1, 1, 9)
    running.until_recorded(7)
    running.stop()
    assert training.commands == ["save_best"]


def test_after_a_restart_the_best_is_known_and_no_worse_model_replaces_it(training, start, stopped, connector):
    training.answer_commands()
    stopped(9, 9, 9, best={"interval_s": 0})
    running = start(training.node(connector, best={"interval_s": 0}))
    training.report_returns(5, 5, 5)
    running.until_recorded(6)
    update = running.node.update()
    assert (update.best.score, update.saved.score) == (9.0, 9.0)
    running.stop()
    assert training.commands == ["save_best"]
    assert connector.best == []


@pytest.mark.parametrize("content", [None, b"not JSON", b'{"metric": "\xff"}'])
def test_without_the_file_of_the_saved_model_the_history_says_what_was_best(training, start, stopped, content):
    training.answer_commands()
    stopped(9, 9, 9, best={"interval_s": 0})
    file = training.folder / "telemetry" / "best.json"
    file.unlink() if content is None else file.write_bytes(content)
    running = start(training.node(best={"interval_s": 0}))
    training.report_returns(5, 5, 5)
    running.until_recorded(6)
    running.stop()
    assert training.commands == ["save_best"]


def test_save_that_failed_is_logged_and_tried_again(training, start, caplog):
    training.answer_commands(ok=False, detail="The disk is full.")
    running = start(training.node(best={"interval_s": 0}))
    training.report_returns(1, 2, 3)
    running.until(lambda: "The disk is full." in caplog.text)
    assert training.commands == ["save_best"]

    def asked_again():
        # The thread that logged may still be ending, and a request is only made without one.
        training.report_returns(3)
        return len(training.commands) == 2

    running.until(asked_again)
    assert running.node.update().saved is None


def test_saves_are_asked_for_at_most_once_an_interval(training, start):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 1000}))
    for number in range(1, 12):
        training.report_returns(number)
        running.until_recorded(number)
    running.stop()
    assert training.commands == ["save_best"]


def test_best_model_is_saved_before_the_training_ends_however_soon_after_the_last_save(training, start):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 1000}))
    training.report_returns(1, 2, 3)
    running.until(lambda: running.node.update().saved is not None)
    training.report_returns(10, 11, 12, 13)
    running.until_recorded(7)
    training.write_status(state="stopping")
    running.until(lambda: training.commands[-1:] == ["best_is_saved"])
    assert training.commands == ["save_best", "save_best", "best_is_saved"]
    update = running.node.update()
    assert update.saved.score == update.best.score == 12.0


def test_worse_model_at_the_end_replaces_no_better_one(training, start):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 1000}))
    training.report_returns(9, 9, 9)
    running.until(lambda: running.node.update().saved is not None)
    training.report_returns(1, 1, 1)
    running.until_recorded(6)
    training.write_status(state="stopping")
    running.until(lambda: training.commands[-1:] == ["best_is_saved"])
    assert training.commands == ["save_best", "best_is_saved"]


def test_no_model_is_saved_if_the_settings_say_so(training, start):
    training.answer_commands()
    running = start(training.node(best={"save": False}))
    training.report_returns(1, 2, 3)
    running.until(lambda: running.node.update().best is not None)
    running.stop()
    assert training.commands == []


def test_training_node_that_does_not_answer_delays_nothing(training, start, connector):
    running = start(training.node(connector, best={"interval_s": 0}))  # without answer_commands
    training.report_returns(1, 2, 3)
    running.until(lambda: connector.best == [2.0])
    training.report_returns(4, 5, 6)
    running.until(lambda: len(connector.returns) == 6)
    assert connector.returns == [1, 2, 3, 4, 5, 6] and not connector.saved


def test_better_score_within_the_interval_is_saved_after_it(training, start, now):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 10}, clock=now))
    training.report_returns(1, 2, 3)
    running.until(lambda: running.node.update().saved is not None)
    training.report_returns(9, 9, 9)
    running.until_recorded(6)
    assert training.commands == ["save_best"]
    now.value += 11
    running.until(lambda: running.node.update().saved.score == 9.0)
    assert running.node.update().saved.episode == 6


def test_better_model_is_saved_after_the_training_was_resumed(training, start):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 0}))
    training.report_returns(1, 2, 3)
    running.until(lambda: running.node.update().saved is not None)
    training.write_status(state="stopping")
    running.until(lambda: training.commands[-1:] == ["best_is_saved"])
    training.write_status(state="running")
    running.until(lambda: running.node.status.health.state != "stopping")
    training.report_returns(9, 9, 9)
    running.until(lambda: running.node.update().saved.score == 9.0)
    assert training.commands[:3] == ["save_best", "best_is_saved", "save_best"]


# -- connectors that fail


class RaisingConnector:
    name = "raising"

    @hookimpl
    def episodes_recorded(self, update):
        raise OSError("No space left on device")


class HangingConnector:
    name = "hanging"

    def __init__(self):
        self.freed = threading.Event()

    @hookimpl
    def episodes_recorded(self, update):
        self.freed.wait()


def test_connector_that_raises_is_named_and_disturbs_no_other(training, start, connector, caplog):
    running = start(training.node(RaisingConnector(), connector))
    training.report_returns(1, 2, 3)
    running.until(lambda: connector.numbers == [1, 2, 3] and "No space left" in caplog.text)
    assert "raising" in caplog.text


def test_connector_that_hangs_is_named_and_disturbs_no_other(training, start, connector, caplog, monkeypatch):
    hanging = HangingConnector()
    node = training.node(hanging, connector)
    monkeypatch.setattr(node._observers, "close", partial(node._observers.close, timeout=0.2))
    running = start(node)
    training.report_returns(*range(50))
    running.until(lambda: len(connector.numbers) == 50)
    with caplog.at_level(logging.INFO):
        running.stop()
    hanging.freed.set()
    assert "hanging" in caplog.text


# -- checkpoints of the training node


def test_checkpoints_on_disk_are_reported_once_each(training, start, connector):
    running = start(training.node(connector))
    for folder, iteration in (("checkpoint", 3), ("manual_save/iteration-5", 5)):
        written = training.folder / "written"
        written.mkdir()
        (written / "node.json").write_text(f'{{"iteration": {iteration}}}')
        (written / "manifest.json").write_text("{}")
        (training.folder / folder).parent.mkdir(exist_ok=True)
        written.rename(training.folder / folder)  # complete from the first look on, as a real one
    running.until(lambda: len(connector.saved) == 2)
    seen = len(connector.statuses)
    running.until(lambda: len(connector.statuses) > seen + 1)
    assert sorted(connector.saved) == [("checkpoint", 3, "periodic"), ("iteration-5", 5, "quicksave")]


def test_best_model_is_judged_anew_on_demand_also_after_a_restart(training, start, stopped):
    training.answer_commands()
    running = start(training.node(best={"interval_s": 0}))
    training.report_returns(9, 9, 9)
    running.until(lambda: running.node.update().saved is not None)
    state = running.node.view.state
    assert reset_best.run(argparse.Namespace(run=state.parent)) == 0
    running.until(lambda: running.node.update().saved is None)
    training.report_returns(5, 5, 5)
    running.until(lambda: running.node.update().saved is not None)
    running.stop()
    again = training.node(best={"interval_s": 0})
    assert (again.update().best.score, again.update().saved.score) == (5.0, 5.0)
    assert training.commands == ["save_best", "save_best"]


def test_reset_of_a_run_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="name the folder of a run"):
        reset_best.run(argparse.Namespace(run=tmp_path / "no-run"))
