"""When what last happened, by a clock of the test."""

from soulsai_core.node.health.activity import ActivityLog, Counts

NOTHING = Counts(messages=0, admitted=0, rejected={}, updates=0, episodes=0, checkpoints=0, clients={})


def counts(messages=0, admitted=0, rejected=(), clients=(), updates=0):
    return Counts(messages, admitted, dict(rejected), updates, 0, 0, dict(clients))


def test_nothing_has_happened_at_the_start():
    activity = ActivityLog(100.0).note(NOTHING, 107.0)
    assert (activity.up, activity.absent, activity.present, activity.message, activity.update) == (7, 7, 0, None, None)


def test_each_count_has_the_time_of_its_last_change():
    log = ActivityLog(0.0)
    log.note(counts(), 1.0)
    log.note(counts(messages=1, admitted=4), 2.0)
    log.note(counts(messages=2, admitted=4, rejected={"stale": 4}, updates=1), 5.0)
    activity = log.note(counts(messages=2, admitted=4, rejected={"stale": 4}, updates=1), 9.0, updating_since=8.0)
    assert (activity.message, activity.admitted, activity.update, activity.updating) == (4.0, 7.0, 4.0, 1.0)


def test_clients_are_absent_until_one_comes_and_after_the_last_has_left():
    log = ActivityLog(0.0)
    log.note(counts(), 5.0)
    assert log.note(counts(clients={"a": 0}), 6.0).absent == 0
    assert log.note(counts(clients={"b": 0}), 16.0).present == 10
    assert log.note(counts(), 20.0).absent == 0
    assert log.note(counts(), 50.0).absent == 30


def test_a_client_is_idle_since_its_steps_grew():
    log = ActivityLog(0.0)
    log.note(counts(clients={"a": 1, "b": 1}), 1.0)
    log.note(counts(clients={"a": 2, "b": 1}), 10.0)
    assert (log.idle("a", 12.0), log.idle("b", 12.0), log.idle("gone", 12.0)) == (2.0, 11.0, 0.0)


def test_pauses_without_clients_do_not_count_as_usual():
    log = ActivityLog(0.0)
    log.note(counts(messages=1, clients={"a": 1}), 1.0)
    log.note(counts(messages=2, clients={"a": 2}), 31.0)
    log.note(counts(messages=2), 40.0)
    log.note(counts(messages=2, clients={"a": 2}), 900.0)
    activity = log.note(counts(messages=3, clients={"a": 3}), 905.0)
    assert activity.longest_pause == 30.0


def test_rows_of_the_last_minute_are_counted():
    log = ActivityLog(0.0)
    for second in range(200):
        activity = log.note(counts(messages=second, admitted=10 * second, rejected={"stale": second}), float(second))
    assert activity.recent_seconds == 60.0
    assert (activity.recent_admitted, activity.recent_rejected) == (600, {"stale": 60})
