"""The telemetry node: nothing lost, nothing doubled, and nobody slows it."""

import threading
import time

import pytest

from soulsai_core import TransportError, hookimpl
from soulsai_telemetry.node import NEW_TRAINING, entry_time


class Ear:
    """Hears everything."""

    def __init__(self):
        self.updates, self.heard, self.vitals, self.best, self.saved = [], [], [], [], []

    @property
    def numbers(self):
        return [record.number for update in self.updates for record in update.records]

    @property
    def returns(self):
        return [record.values["return"] for update in self.updates for record in update.records]

    @hookimpl
    def training_started(self, run, folder, resumed):
        self.heard.append(("started", run, resumed))

    @hookimpl
    def client_joined(self, client):
        self.heard.append(("joined", client.id))

    @hookimpl
    def client_lost(self, client):
        self.heard.append(("lost", client.id))

    @hookimpl
    def episode_finished(self, episode):
        self.heard.append(("episode", episode.id))

    @hookimpl
    def training_stopped(self, reason):
        self.heard.append(("stopped", reason))

    @hookimpl
    def episodes_recorded(self, update):
        self.updates.append(update)

    @hookimpl
    def status_received(self, vitals):
        self.vitals.append(vitals)

    @hookimpl
    def best_found(self, best):
        self.best.append(best.score)

    @hookimpl
    def checkpoint_saved(self, path, iteration, kind):
        self.saved.append((path.name, iteration, kind))


@pytest.fixture
def ear():
    return Ear()


def test_each_episode_is_recorded_and_told_in_order(training, watch, ear):
    watching = watch(training.node(ear))
    training.play(1, 2, 3)
    watching.until(lambda: len(ear.numbers) == 3)
    assert (ear.numbers, ear.returns) == ([1, 2, 3], [1.0, 2.0, 3.0])
    assert ear.updates[-1].history.episodes == 3


def test_connectors_are_told_of_every_other_episode_and_of_the_rest_at_the_end(training, watch, ear):
    watching = watch(training.node(ear, update_interval=2))
    for i in range(5):
        training.play(i)
        watching.until(lambda n=i: watching.node.history.episodes == n + 1)
    watching.stop()
    assert [len(update.records) for update in ear.updates[1:]] == [2, 2, 1]


def test_a_backlog_is_told_in_few_notifications(training, watch, ear):
    training.play(*range(900))
    watching = watch(training.node(ear, update_interval=2))
    watching.until(lambda: len(ear.numbers) == 900)
    assert ear.numbers == list(range(1, 901))
    assert len(ear.updates) < 20


def test_a_life_is_told_from_its_start_to_its_end(training, watch, ear):
    watching = watch(training.node(ear))
    training.play(1)
    watching.until(lambda: ear.vitals and ear.numbers)
    watching.stop("enough seen")
    assert ear.heard[0] == ("started", "run-1", False)
    assert {("joined", "client-1"), ("episode", "client-1-1")} <= set(ear.heard)
    assert ear.heard[-1] == ("stopped", "enough seen")


def test_a_client_that_is_gone_is_told_as_lost(training, watch, ear):
    watching = watch(training.node(ear))
    watching.until(lambda: ("joined", "client-1") in ear.heard)
    training.status(clients=[])
    watching.until(lambda: ("lost", "client-1") in ear.heard)


def test_odd_reports_are_counted_and_harm_nothing(training, watch, ear):
    watching = watch(training.node(ear))
    training.play(1)
    training.report("client-1-1", 99)
    training.transport.push_episode(b"not an episode")
    training.report("client-1-5", 5)
    training.report("client-1-4", 4)
    training.report("client-1-9", 9, run_id="another run")
    training.report("client-1-6", 6, complete=False)
    watching.until(lambda: ear.numbers == [1, 2, 3, 4])
    assert ear.updates[-1].reports == {"late": 1, "repeated": 1, "garbled": 1, "foreign": 1, "incomplete": 1}


# -- restarts


def test_a_restart_leaves_one_unbroken_history(training, watch, ear):
    first = watch(training.node(Ear()))
    training.play(1, 2, 3)
    first.until(lambda: first.node.history.episodes == 3)
    first.stop()
    training.play(4, 5)
    second = watch(training.node(ear))
    training.play(6)
    second.until(lambda: second.node.history.episodes == 6)
    curve = second.node.history.curve("return")
    assert (curve.x.tolist(), curve.mean.tolist()) == ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    assert curve.average.tolist() == [1, 1.5, 2, 3, 4, 5]
    assert ear.heard[0] == ("started", "run-1", True)


def test_episodes_recorded_before_a_kill_are_told_again_so_that_none_is_missed(training, watch, ear):
    first = watch(training.node())
    training.play(1, 2)
    first.until(lambda: first.node.history.episodes == 2)
    first.stop()
    second = watch(training.node(ear))
    second.until(lambda: ear.updates)
    assert ear.numbers == [1, 2]


def test_a_report_repeated_after_a_restart_still_counts_once(training, watch, ear):
    first = watch(training.node())
    training.play(1, 2)
    first.until(lambda: first.node.history.episodes == 2)
    first.stop()
    second = watch(training.node(ear))
    training.report("client-1-2", 2)
    training.report("client-1-3", 3)
    second.until(lambda: second.node.history.episodes == 3)
    assert second.node.news().reports["repeated"] == 1


def test_a_line_torn_by_a_kill_is_read_from_the_stream_again(training, watch):
    first = watch(training.node())
    training.play(1, 2, 3)
    first.until(lambda: first.node.history.episodes == 3)
    first.stop()
    file = training.folder / "telemetry" / "episodes.jsonl"
    file.write_bytes(file.read_bytes()[:-20])
    second = watch(training.node())
    second.until(lambda: second.node.history.episodes == 3)
    assert second.node.history.curve("return").mean.tolist() == [1, 2, 3]


def test_an_empty_server_after_a_restart_of_redis_loses_nothing_that_was_recorded(training, watch):
    watching = watch(training.node())
    training.play(1, 2)
    watching.until(lambda: watching.node.history.episodes == 2)
    stream = training.server.episodes
    stream.drop_before(stream.end)
    training.play(3)
    watching.until(lambda: watching.node.history.episodes == 3)


def test_a_server_that_is_away_for_a_while_is_waited_for(training, watch):
    node = training.node()
    real, away = node._transport.read_episodes, threading.Event()
    away.set()

    def read(*arguments):
        if away.is_set():
            raise TransportError("No Redis server answers.")
        return real(*arguments)

    node._transport.read_episodes = read
    watching = watch(node)
    training.play(1)
    time.sleep(0.3)
    assert node.history.episodes == 0
    away.clear()
    watching.until(lambda: node.history.episodes == 1)


def test_another_training_ends_the_watch(training, watch):
    watching = watch(training.node())
    watching.until(lambda: watching.node.vitals is not None)
    training.status(run_id="run-2")
    watching.join()
    assert watching.reason == NEW_TRAINING


def test_a_status_that_cannot_be_read_is_told_and_waited_out(training, watch, caplog):
    training.transport.write_status(b"nonsense")
    watching = watch(training.node())
    training.play(1)
    watching.until(lambda: watching.node.history.episodes == 1 and "status cannot be read" in caplog.text)
    training.status()
    watching.until(lambda: watching.node.vitals is not None)


# -- the best model


def test_a_better_model_is_saved_and_told(training, watch, ear):
    training.answer_commands()
    watching = watch(training.node(ear, best={"interval_s": 0}))
    training.play(1, 2, 3)
    watching.until(lambda: ear.saved)
    assert training.commands == ["save_best"]
    assert (ear.best, ear.saved) == ([2.0], [("best_model", 1, "best")])
    saved = watching.node.news().saved
    assert (saved.score, saved.episode, saved.path) == (2.0, 3, "saves/run-1/best_model")


def test_a_worse_model_is_not_saved(training, watch):
    training.answer_commands()
    watching = watch(training.node(best={"interval_s": 0}))
    training.play(9, 9, 9)
    watching.until(lambda: watching.node.news().saved is not None)
    training.play(1, 1, 1, 9)
    watching.until(lambda: watching.node.history.episodes == 7)
    watching.stop()
    assert training.commands == ["save_best"]


def test_after_a_restart_the_best_is_known_and_no_worse_model_replaces_it(training, watch, ear):
    training.answer_commands()
    first = watch(training.node(best={"interval_s": 0}))
    training.play(9, 9, 9)
    first.until(lambda: first.node.news().saved is not None)
    first.stop()
    second = watch(training.node(ear, best={"interval_s": 0}))
    training.play(5, 5, 5)
    second.until(lambda: second.node.history.episodes == 6)
    assert (second.node.news().best.score, second.node.news().saved.score) == (9.0, 9.0)
    second.stop()
    assert training.commands == ["save_best"]
    assert ear.best == []


@pytest.mark.parametrize("note", [None, "not JSON"])
def test_where_the_note_of_the_saved_model_is_lost_the_history_tells_what_was_best(training, watch, note):
    training.answer_commands()
    first = watch(training.node(best={"interval_s": 0}))
    training.play(9, 9, 9)
    first.until(lambda: first.node.news().saved is not None)
    first.stop()
    file = training.folder / "telemetry" / "best.json"
    file.unlink() if note is None else file.write_text(note)
    second = watch(training.node(best={"interval_s": 0}))
    training.play(5, 5, 5)
    second.until(lambda: second.node.history.episodes == 6)
    second.stop()
    assert training.commands == ["save_best"]


def test_a_save_that_failed_is_told_and_tried_again(training, watch, caplog):
    training.answer_commands(ok=False, detail="The disk is full.")
    watching = watch(training.node(best={"interval_s": 0}))
    training.play(1, 2, 3)
    watching.until(lambda: training.commands == ["save_best"])
    watching.until(lambda: "The disk is full." in caplog.text)
    training.play(3)
    watching.until(lambda: len(training.commands) == 2)
    assert watching.node.news().saved is None


def test_saves_are_not_asked_for_more_often_than_the_interval(training, watch):
    training.answer_commands()
    watching = watch(training.node(best={"interval_s": 100}))
    for i in range(1, 12):
        training.play(i)
        watching.until(lambda n=i: watching.node.history.episodes == n)
    watching.stop()
    assert training.commands == ["save_best"]


def test_no_model_is_saved_if_nobody_wants_it(training, watch):
    training.answer_commands()
    watching = watch(training.node(best={"save": False}))
    training.play(1, 2, 3)
    watching.until(lambda: watching.node.news().best is not None)
    watching.stop()
    assert training.commands == []


def test_a_node_that_does_not_answer_holds_nothing_up(training, watch, ear):
    watching = watch(training.node(ear, best={"interval_s": 0}))  # nobody answers commands
    training.play(1, 2, 3)
    watching.until(lambda: ear.best == [2.0])
    training.play(4, 5, 6)
    watching.until(lambda: watching.node.history.episodes == 6)


# -- connectors that fail


class Raising:
    name = "broken wall"

    @hookimpl
    def episodes_recorded(self, update):
        raise OSError("No space left on device")


class Hanging:
    name = "dead wall"

    def __init__(self):
        self.free = threading.Event()

    @hookimpl
    def episodes_recorded(self, update):
        self.free.wait(30)


def test_a_connector_that_raises_is_named_and_disturbs_nobody(training, watch, ear, caplog):
    watching = watch(training.node(Raising(), ear))
    training.play(1, 2, 3)
    watching.until(lambda: ear.numbers == [1, 2, 3])
    assert "broken wall" in caplog.text
    assert "No space left" in caplog.text


def test_a_connector_that_hangs_is_named_and_disturbs_nobody(training, watch, ear, caplog):
    hanging = Hanging()
    watching = watch(training.node(hanging, ear))
    training.play(*range(50))
    watching.until(lambda: len(ear.numbers) == 50)
    watching.stop()
    hanging.free.set()
    assert "dead wall" in caplog.text


# -- checkpoints that others make


def test_checkpoints_on_disk_are_told_once_each(training, watch, ear):
    watching = watch(training.node(ear))
    for folder, iteration in (("checkpoint", 3), ("manual_save/iteration-5", 5)):
        path = training.folder / folder
        path.mkdir(parents=True)
        (path / "node.json").write_text(f'{{"iteration": {iteration}}}')
        (path / "manifest.json").write_text("{}")
    watching.until(lambda: len(ear.saved) == 2)
    seen = len(ear.vitals)
    watching.until(lambda: len(ear.vitals) > seen + 1)
    assert sorted(ear.saved) == [("checkpoint", 3, "periodic"), ("iteration-5", 5, "quicksave")]


# -- when


@pytest.mark.parametrize(
    ("identifier", "when"),
    [("1700000000500-3", 1700000000.5), ("00000000000000000007", 1.8e9), ("5-0", 1.8e9), ("9999999999999-0", 1.8e9)],
)
def test_redis_dates_its_entries_and_others_count_as_now(identifier, when):
    assert entry_time(identifier, 1.8e9) == when
